//! From a code on the wire to its vital sign: the registry, turned round at compile time.

use crate::lookup::Lookup;
use crate::registry::REGISTRY;
use crate::vital_sign::VitalSign;

static CODES: Lookup<VitalSign, 512> = codes();

/// Looks up a name, a LOINC code, an MDC number or an MDC name. Exact spelling.
#[inline]
pub(crate) fn from_code(code: &str) -> Option<VitalSign> {
    CODES.get(code.as_bytes()).map(|(_, vital)| vital)
}

const fn codes() -> Lookup<VitalSign, 512> {
    let mut codes = Lookup::new();
    let mut v = 0;
    while v < REGISTRY.len() {
        let info = &REGISTRY[v];
        codes.insert(info.name, info.vital);
        let mut i = 0;
        while i < info.loinc.len() {
            codes.insert(info.loinc[i], info.vital);
            i += 1;
        }
        let mut i = 0;
        while i < info.mdc.len() {
            codes.insert(info.mdc[i].number, info.vital);
            if let Some(name) = info.mdc[i].name {
                codes.insert(name, info.vital);
            }
            if let Some(name) = info.mdc[i].older_name {
                codes.insert(name, info.vital);
            }
            i += 1;
        }
        v += 1;
    }
    codes
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_registered_code_leads_to_its_vital_sign() {
        for info in &REGISTRY {
            assert_eq!(from_code(info.name), Some(info.vital));
            for loinc in info.loinc {
                assert_eq!(from_code(loinc), Some(info.vital), "{loinc}");
            }
            for mdc in info.mdc {
                assert_eq!(from_code(mdc.number), Some(info.vital), "{}", mdc.number);
                for name in mdc.names() {
                    assert_eq!(from_code(name), Some(info.vital), "{name}");
                }
            }
        }
    }

    /// Also refused when the table is built; said here once more, apart from how it is built.
    #[test]
    fn codes_are_unique() {
        let mut texts = HashSet::new();
        for info in &REGISTRY {
            assert!(texts.insert(info.name), "{}", info.name);
            assert!(
                info.loinc.iter().all(|loinc| texts.insert(loinc)),
                "{}",
                info.name
            );
            for mdc in info.mdc {
                assert!(texts.insert(mdc.number), "{}", mdc.number);
                assert!(mdc.names().all(|name| texts.insert(name)), "{}", mdc.number);
            }
        }
    }

    #[test]
    fn a_name_of_an_earlier_edition_is_known() {
        assert_eq!(from_code("MDC_ECG_CARD_BEAT_RATE"), Some(VitalSign::HeartRate));
        assert_eq!(from_code("MDC_ECG_CARD_BEAT_RATE"), from_code("147842"));
    }

    #[test]
    fn mdc_numbers_are_of_the_partitions_that_hold_measurements() {
        for mdc in REGISTRY.iter().flat_map(|info| info.mdc) {
            // 2 is SCADA (physiological measurements); its terms begin at 131072.
            assert_eq!(mdc.number.parse::<u32>().unwrap() >> 16, 2, "{}", mdc.number);
        }
    }

    #[test]
    fn anything_else_is_unknown() {
        for code in [
            "",
            "h",
            "hr",
            "heart_rat",
            "heart_ratf",
            "heart_rate ",
            "Heart_Rate",
            "8867-5",
            "8867",
            "0147842",
            "147842 ",
            "+147842",
            "99999999999999999999",
            "MDC_ECG_HEART_RATE2",
            "MDC_ECG_HEARTxRATE",
            "température",
        ] {
            assert_eq!(from_code(code), None, "{code:?}");
        }
    }
}
