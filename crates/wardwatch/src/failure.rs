//! What a failed command prints, and its exit code.

use std::io::Write;
use std::process::ExitCode;

use wardwatch_pipeline::PipelineError;

/// Anything else.
pub const FAILED: u8 = 1;
/// `EX_CONFIG` of sysexits.h: something is wrong with a configuration, of ours or of the cluster.
pub const INVALID: u8 = 78;

/// Prints an error with its causes to standard error.
pub fn report(error: &anyhow::Error) -> ExitCode {
    let mut text = format!("error: {error}\n");
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Some errors quote their cause.
        if !text.contains(&cause) {
            text.push_str(&format!("  because: {cause}\n"));
        }
    }
    // There is nobody left to tell when standard error is closed.
    drop(std::io::stderr().write_all(text.as_bytes()));
    exit_code(error)
}

/// The exit code of an error.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    let invalid = error
        .chain()
        .any(|cause| cause.downcast_ref::<PipelineError>().is_some_and(is_invalid));
    ExitCode::from(if invalid { INVALID } else { FAILED })
}

/// Whether the pipeline is at fault, and not the disk.
pub fn is_invalid(error: &PipelineError) -> bool {
    !matches!(error, PipelineError::Read { .. })
}
