//! The missing-value policy: a row of features becomes a row of the network's tensor, or a reason why it
//! cannot.
//!
//! ```text
//! row      [ 128.0   NaN    451.0 ]        NaN: missing; 451 °C: out of range, so missing too, and counted
//! tensor   [ 128.0   95.1    37.0 |  1 0 0 ]
//!            value   cohort means    presence flags, if the contract has them
//! ```

use crate::contract::InputKind;
use crate::{Contract, Unavailable};

/// How the value of one input stands against the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Within its range.
    Present,
    /// No value.
    Missing,
    /// A value outside of its range, infinities included: treated as missing.
    OutOfRange,
}

/// One input, reduced to what each row needs.
#[derive(Debug, Clone, Copy)]
struct Slot {
    low: f64,
    high: f64,
    cohort_mean: f64,
    required: bool,
    kind: InputKind,
}

/// Encodes rows for one model.
#[derive(Debug, Clone)]
pub(crate) struct Encoder {
    slots: Vec<Slot>,
    presence: bool,
    needed: u16,
}

// === impl Slot ===

impl Slot {
    /// Whether a value that is present says that something was measured.
    fn is_evidence(&self, value: f64) -> bool {
        match self.kind {
            InputKind::Measurement => true,
            InputKind::Count => value > 0.0,
            InputKind::Context => false,
        }
    }
}

// === impl Encoder ===

impl Encoder {
    pub(crate) fn new(contract: &Contract) -> Self {
        let slots = contract.inputs.iter().map(|input| {
            let [low, high] = input.range;
            Slot {
                low,
                high,
                cohort_mean: input.cohort_mean,
                required: input.required,
                kind: input.kind,
            }
        });
        Self {
            slots: slots.collect(),
            presence: contract.missing.presence,
            needed: contract.missing.require_at_least,
        }
    }

    /// Values in a row before encoding.
    pub(crate) fn width(&self) -> usize {
        self.slots.len()
    }

    /// How `value` stands as input `index`.
    pub(crate) fn standing(&self, index: usize, value: f64) -> Standing {
        let slot = &self.slots[index];
        if value.is_nan() {
            Standing::Missing
        } else if value >= slot.low && value <= slot.high {
            Standing::Present
        } else {
            Standing::OutOfRange
        }
    }

    /// The cohort mean of input `index`.
    pub(crate) fn cohort_mean(&self, index: usize) -> f64 {
        self.slots[index].cohort_mean
    }

    /// Appends the tensor row of `row` to `tensor`; leaves `tensor` as it was when the row cannot be scored.
    /// Tells `out_of_range` of each input that is.
    ///
    /// A missing required input is told before too few inputs, the first of several in the contract's order:
    /// it is the one to mend. What is no evidence of a measurement, such as a count of 0, is in the tensor and counts for nothing
    /// else.
    pub(crate) fn encode(
        &self,
        row: &[f64],
        tensor: &mut Vec<f32>,
        mut out_of_range: impl FnMut(usize),
    ) -> Result<(), Unavailable> {
        let start = tensor.len();
        let (mut measured, mut outside, mut lacking) = (0_u16, 0_u16, None);
        for (index, &value) in row.iter().enumerate() {
            let slot = &self.slots[index];
            let standing = self.standing(index, value);
            tensor.push(if standing == Standing::Present {
                value
            } else {
                slot.cohort_mean
            } as f32);
            match standing {
                Standing::Present if slot.is_evidence(value) => measured += 1,
                Standing::Present | Standing::Missing if slot.required => {
                    lacking = lacking.or(Some(Unavailable::RequiredMissing { input: index as u16 }));
                }
                Standing::Present | Standing::Missing => {}
                Standing::OutOfRange => {
                    outside += 1;
                    out_of_range(index);
                    if slot.required {
                        lacking = lacking.or(Some(Unavailable::RequiredOutOfRange { input: index as u16 }));
                    }
                }
            }
        }
        if measured < self.needed {
            lacking = lacking.or(Some(Unavailable::TooFewInputs {
                present: measured,
                needed: self.needed,
                out_of_range: outside,
            }));
        }
        if let Some(reason) = lacking {
            tensor.truncate(start);
            return Err(reason);
        }
        if self.presence {
            let flags = row
                .iter()
                .enumerate()
                .map(|(index, &value)| self.standing(index, value));
            tensor.extend(flags.map(|standing| if standing == Standing::Present { 1.0 } else { 0.0 }));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const MISSING: f64 = f64::NAN;

    fn encoder() -> Encoder {
        let text = include_str!("../tests/fixtures/network/1/model.yaml");
        Encoder::new(&Contract::parse(Path::new("model.yaml"), text).unwrap())
    }

    fn encode(row: [f64; 6]) -> Result<Vec<f32>, Unavailable> {
        let mut tensor = vec![7.0];
        let result = encoder().encode(&row, &mut tensor, |_| {});
        assert_eq!(tensor.remove(0), 7.0, "what stood before stays");
        assert_eq!(tensor.len(), if result.is_ok() { 12 } else { 0 });
        result.map(|()| tensor)
    }

    #[test]
    fn a_missing_value_is_the_cohort_mean_and_a_flag() {
        let tensor = encode([120.0, MISSING, 30.0, 90.0, 451.0, 64.0]).unwrap();
        assert_eq!(
            tensor,
            [120.0, 95.1, 30.0, 90.0, 37.0, 64.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0]
        );
    }

    #[test]
    fn zero_is_a_value() {
        let tensor = encode([0.0, 0.0, 0.0, 0.0, 37.0, 64.0]).unwrap();
        assert_eq!(tensor[..4], [0.0; 4]);
        assert_eq!(tensor[6..], [1.0; 6]);
    }

    #[test]
    fn the_ends_of_a_range_are_within_it() {
        let tensor = encode([300.0, 100.0, 80.0, 300.0, 25.0, 120.0]).unwrap();
        assert_eq!(tensor[6..], [1.0; 6]);
    }

    #[test]
    fn infinities_are_out_of_range() {
        let tensor = encode([80.0, f64::INFINITY, 12.0, f64::NEG_INFINITY, 37.0, 64.0]).unwrap();
        assert!(tensor.iter().all(|value| value.is_finite()));
        assert_eq!(tensor[6..], [1.0, 0.0, 1.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn too_few_inputs_give_a_reason() {
        let reason = encode([80.0, 97.0, MISSING, MISSING, 99.0, MISSING]).unwrap_err();
        assert_eq!(
            reason,
            Unavailable::TooFewInputs {
                present: 2,
                needed: 3,
                out_of_range: 1
            }
        );
        assert!(encode([80.0, 97.0, 12.0, MISSING, MISSING, MISSING]).is_ok());
    }

    /// The good contract with other kinds of inputs: how often SpO2 was measured, and the age.
    fn encode_counted(row: [f64; 6], required_count: bool) -> Result<Vec<f32>, Unavailable> {
        let text = include_str!("../tests/fixtures/network/1/model.yaml");
        let count = format!("cohort_mean: 95.1, required: {required_count}, kind: count");
        let text = text
            .replace("cohort_mean: 95.1, required: false", &count)
            .replace(
                "cohort_mean: 64.3, required: false",
                "cohort_mean: 64.3, kind: context",
            );
        assert!(text.contains("kind: count") && text.contains("kind: context"));
        let contract = Contract::parse(Path::new("model.yaml"), &text).unwrap();
        let mut tensor = Vec::new();
        Encoder::new(&contract).encode(&row, &mut tensor, |_| {})?;
        Ok(tensor)
    }

    #[test]
    fn a_count_of_none_and_an_age_are_no_measurements() {
        let too_few = |present| {
            Err(Unavailable::TooFewInputs {
                present,
                needed: 3,
                out_of_range: 0,
            })
        };
        let row = |spo2_count, resp_rate, age| [80.0, spo2_count, resp_rate, MISSING, MISSING, age];
        // Heart rate alone, beside an age and a count of nothing.
        assert_eq!(encode_counted(row(0.0, MISSING, 64.0), false), too_few(1));
        assert_eq!(encode_counted(row(0.0, 12.0, 64.0), false), too_few(2));
        assert_eq!(encode_counted(row(2.0, MISSING, 64.0), false), too_few(2));
        // The network sees both all the same, as present.
        let tensor = encode_counted([80.0, 0.0, 12.0, 120.0, MISSING, 64.0], false).unwrap();
        assert_eq!(tensor[..2], [80.0, 0.0]);
        assert_eq!(tensor[6..], [1.0, 1.0, 1.0, 1.0, 0.0, 1.0]);
        assert!(encode_counted(row(2.0, 12.0, MISSING), false).is_ok());
    }

    #[test]
    fn a_required_count_of_none_is_missing() {
        let row = |spo2_count| [80.0, spo2_count, 12.0, 120.0, 37.0, 64.0];
        let missing = Err(Unavailable::RequiredMissing { input: 1 });
        assert_eq!(encode_counted(row(0.0), true), missing);
        assert_eq!(encode_counted(row(MISSING), true), missing);
        assert!(encode_counted(row(1.0), true).is_ok());
    }

    #[test]
    fn a_required_input_is_told_apart_from_too_few() {
        let all_but_first = [97.0, 12.0, 120.0, 37.0, 64.0];
        let with = |first: f64| {
            let mut row = [first; 6];
            row[1..].copy_from_slice(&all_but_first);
            encode(row)
        };
        assert_eq!(
            with(MISSING).unwrap_err(),
            Unavailable::RequiredMissing { input: 0 }
        );
        assert_eq!(
            with(999.0).unwrap_err(),
            Unavailable::RequiredOutOfRange { input: 0 }
        );
        assert_eq!(
            encode([MISSING; 6]).unwrap_err(),
            Unavailable::RequiredMissing { input: 0 }
        );
    }

    #[test]
    fn what_is_out_of_range_is_told_by_input() {
        let mut told = Vec::new();
        let row = [999.0, 101.0, 12.0, MISSING, 99.0, 64.0];
        encoder()
            .encode(&row, &mut Vec::new(), |index| told.push(index))
            .unwrap_err();
        assert_eq!(told, [0, 1, 4]);
    }
}
