//! `wardwatch sql`: tries SQL, with all functions of Wardwatch, over nothing or over files.
//!
//! Files become the relation `vitals`, as in a pipeline's feature sets: one row a message, one column a vital sign. A plain
//! query has no window, so `window_end` is one instant for all rows: that of the newest observation. `age(x)` then is the
//! age at the end of the data.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::json::writer::{JsonArray, WriterBuilder};
use arrow::util::pretty::pretty_format_batches;
use datafusion::datasource::MemTable;
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::SessionContext;
use wardwatch_clinical::VitalSign;
use wardwatch_ingest::Observations;
use wardwatch_replay::{Inputs, Reader};
use wardwatch_windowing::{VITALS, prepare_query, session, vitals_schema};

use super::inputs::note_open_quotes;
use super::output::{Output, print};

/// Arguments of `wardwatch sql`.
#[derive(clap::Args)]
#[command(
    override_usage = "wardwatch sql [OPTIONS] <QUERY> [--input <FILE>...]",
    after_help = "Example: wardwatch sql \"select news2(24, 93, 1, true, 100, 111, 'A', 38.1)['total']\""
)]
pub struct Args {
    /// The query
    query: String,
    /// Files to read as the relation `vitals`: Parquet, CSV or NDJSON, by the ending
    #[arg(long, num_args = 1.., value_name = "FILE")]
    input: Vec<PathBuf>,
    /// Let quoted cells of CSV hold line breaks
    #[arg(long)]
    multiline: bool,
    /// Who reads the result
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<()> {
    let context = session().context("starting SQL")?;
    if !args.input.is_empty() {
        let inputs = Inputs {
            files: args.input,
            // A query orders its rows itself.
            as_is: true,
            multiline: args.multiline,
        };
        register(&context, inputs)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .context("starting SQL")?;
    let batches = runtime.block_on(async {
        let plan = prepare_query(&context, &args.query).await?;
        queries()
            .verify_plan(&plan)
            .context("only queries are run; nothing is written or defined")?;
        let frame = context.execute_logical_plan(plan).await?;
        let schema = Arc::new(frame.schema().as_arrow().clone());
        let mut batches = frame.collect().await?;
        if batches.is_empty() {
            batches.push(RecordBatch::new_empty(schema));
        }
        anyhow::Ok(batches)
    })?;
    match args.output {
        Output::Text => print(&format!("{}\n", pretty_format_batches(&batches)?)),
        Output::Json => print(&as_json(&batches)?),
    }
}

/// No COPY, CREATE, INSERT or SET: trying a query out changes nothing.
fn queries() -> SQLOptions {
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
}

/// The rows as a JSON array of objects; a null is written, since missing is not absent.
fn as_json(batches: &[RecordBatch]) -> anyhow::Result<String> {
    let mut writer = WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, JsonArray>(Vec::new());
    writer.write_batches(&batches.iter().collect::<Vec<_>>())?;
    writer.finish()?;
    Ok(String::from_utf8(writer.into_inner())? + "\n")
}

/// Reads files into the relation `vitals`. What is no observation is left out, with a note on standard error.
fn register(context: &SessionContext, inputs: Inputs) -> anyhow::Result<()> {
    let mut reader = Reader::open(inputs, &[])?;
    let mut parts = Vec::new();
    while let Some(read) = reader.next_batch()? {
        parts.push(read.observations);
    }
    let files = reader.into_reports().into_vec();
    note_open_quotes(&files);
    for file in files.iter().filter(|file| !file.quarantined.is_empty()) {
        writeln!(
            std::io::stderr(),
            "note: {file}, left out; `wardwatch replay --quarantine` shows them"
        )?;
    }
    let newest = parts
        .iter()
        .flat_map(|part| part.ts())
        .copied()
        .max()
        .unwrap_or_default();
    let batches = parts.iter().map(|part| vitals(part, newest)).collect();
    let table = MemTable::try_new(vitals_schema(), vec![batches])?;
    context.register_table(VITALS, Arc::new(table))?;
    Ok(())
}

/// Messages as rows of `vitals`.
fn vitals(observations: &Observations, window_end: i64) -> RecordBatch {
    let schema = vitals_schema();
    let rows = observations.len();
    let mut values = vec![vec![None; rows]; VitalSign::COUNT];
    for (row, ends) in observations.readings_offsets().windows(2).enumerate() {
        for place in ends[0] as usize..ends[1] as usize {
            values[usize::from(observations.vitals()[place])][row] = Some(observations.values()[place]);
        }
    }
    let instants =
        |micros: Vec<i64>| Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("UTC")) as ArrayRef;
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(
            (0..rows).map(|row| observations.patient_id(row)),
        )),
        instants(observations.ts().to_vec()),
        Arc::new(StringArray::from_iter(
            (0..rows).map(|row| observations.source(row)),
        )),
        instants(vec![window_end; rows]),
    ];
    columns.extend(
        values
            .into_iter()
            .map(|column| Arc::new(Float64Array::from(column)) as ArrayRef),
    );
    RecordBatch::try_new(schema, columns).expect("columns of the schema, of one length")
}
