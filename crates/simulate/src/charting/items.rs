//! Which charted item is which vital sign.
//!
//! MIMIC-III charts come from two systems: CareVue (item numbers below 220000) and MetaVision. Labels are those of its table
//! `D_ITEMS`. Where several items measure one vital sign, all but the first get a device of their own: observations of one
//! patient, device, code and time are the same observation, and two thermometers are not.
//!
//! Units go out as charted. The exceptions are the two FiO2 items: CareVue's is labelled `torr` and holds a fraction,
//! MetaVision's has no unit and holds percent. A gateway that maps items knows this, so the mapping states the unit.
//! Nothing is derived: no item gives the level of consciousness, and the Glasgow sum exists in CareVue only.

use wardwatch_clinical::VitalSign;

/// One charted item.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Item {
    id: i32,
    pub(crate) vital: VitalSign,
    pub(crate) device: Option<&'static str>,
    unit: Option<&'static str>,
}

/// Every item in the file, by number.
static ITEMS: [Item; 36] = {
    use VitalSign::*;
    [
        item(51, ArterialSystolic),                       // Arterial BP [Systolic]
        item(52, ArterialMean),                           // Arterial BP Mean
        item(184, GcsEye),                                // Eye Opening
        item(190, Fio2).unit("1"),                        // FiO2 Set
        item(198, GcsTotal),                              // GCS Total
        item(211, HeartRate),                             // Heart Rate
        item(454, GcsMotor),                              // Motor Response
        item(455, SystolicBp),                            // NBP [Systolic]
        item(456, MeanBp),                                // NBP Mean
        item(470, O2Flow),                                // O2 Flow (lpm)
        item(471, O2Flow).device("item-471"),             // O2 Flow (lpm) #2
        item(615, RespRate).device("item-615"),           // Resp Rate (Total)
        item(618, RespRate),                              // Respiratory Rate
        item(646, Spo2),                                  // SpO2
        item(676, Temperature).device("item-676"),        // Temperature C
        item(678, Temperature),                           // Temperature F
        item(723, GcsVerbal),                             // Verbal Response
        item(8368, ArterialDiastolic),                    // Arterial BP [Diastolic]
        item(8441, DiastolicBp),                          // NBP [Diastolic]
        item(220_045, HeartRate),                         // Heart Rate
        item(220_050, ArterialSystolic),                  // Arterial Blood Pressure systolic
        item(220_051, ArterialDiastolic),                 // Arterial Blood Pressure diastolic
        item(220_052, ArterialMean),                      // Arterial Blood Pressure mean
        item(220_179, SystolicBp),                        // Non Invasive Blood Pressure systolic
        item(220_180, DiastolicBp),                       // Non Invasive Blood Pressure diastolic
        item(220_181, MeanBp),                            // Non Invasive Blood Pressure mean
        item(220_210, RespRate),                          // Respiratory Rate
        item(220_277, Spo2),                              // O2 saturation pulseoxymetry
        item(220_739, GcsEye),                            // GCS - Eye Opening
        item(223_761, Temperature),                       // Temperature Fahrenheit
        item(223_762, Temperature).device("item-223762"), // Temperature Celsius
        item(223_834, O2Flow),                            // O2 Flow
        item(223_835, Fio2).unit("%"),                    // Inspired O2 Fraction
        item(223_900, GcsVerbal),                         // GCS - Verbal Response
        item(223_901, GcsMotor),                          // GCS - Motor Response
        item(224_690, RespRate).device("item-224690"),    // Respiratory Rate (Total)
    ]
};

/// The item of a number, or `None` where no vital sign is mapped.
pub(crate) fn find(id: i32) -> Option<&'static Item> {
    ITEMS
        .binary_search_by_key(&id, |item| item.id)
        .ok()
        .map(|at| &ITEMS[at])
}

// === impl Item ===

const fn item(id: i32, vital: VitalSign) -> Item {
    Item {
        id,
        vital,
        device: None,
        unit: None,
    }
}

impl Item {
    const fn device(self, device: &'static str) -> Self {
        Self {
            device: Some(device),
            ..self
        }
    }

    const fn unit(self, unit: &'static str) -> Self {
        Self {
            unit: Some(unit),
            ..self
        }
    }

    /// The unit that the message carries: the item's own where the charted one is known to be wrong, else as charted.
    pub(crate) fn unit_to_send<'a>(&self, charted: Option<&'a str>) -> Option<&'a str> {
        self.unit.or(charted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_sorted_and_a_vital_sign_has_one_main_item_a_system() {
        assert!(ITEMS.is_sorted_by(|a, b| a.id < b.id));
        for (at, a) in ITEMS.iter().enumerate() {
            for b in &ITEMS[at + 1..] {
                let same_system = (a.id < 220_000) == (b.id < 220_000);
                let same_series = a.vital == b.vital && a.device == b.device;
                assert!(!(same_system && same_series), "{} and {}", a.id, b.id);
            }
        }
        assert_eq!(find(211).map(|item| item.vital), Some(VitalSign::HeartRate));
        assert_eq!(find(212), None);
    }
}
