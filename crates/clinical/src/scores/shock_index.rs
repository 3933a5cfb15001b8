//! Shock index (Allgöwer and Burri, 1967).

/// Heart rate (/min) over systolic pressure (mm\[Hg\]); normally 0.5 to 0.7.
///
/// `None` if either is missing or not finite, or the pressure is not above zero.
pub fn shock_index(heart_rate: Option<f64>, systolic_bp: Option<f64>) -> Option<f64> {
    let heart_rate = heart_rate.filter(|value| value.is_finite())?;
    let systolic_bp = systolic_bp.filter(|value| value.is_finite() && *value > 0.0)?;
    Some(heart_rate / systolic_bp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_ratio_of_present_values() {
        assert_eq!(shock_index(Some(120.0), Some(80.0)), Some(1.5));
        assert_eq!(shock_index(Some(0.0), Some(80.0)), Some(0.0));
    }

    #[test]
    fn is_none_without_both() {
        for (heart_rate, systolic_bp) in [
            (None, Some(80.0)),
            (Some(80.0), None),
            (Some(f64::NAN), Some(80.0)),
            (Some(80.0), Some(f64::INFINITY)),
            (Some(80.0), Some(0.0)),
            (Some(80.0), Some(-8.0)),
        ] {
            assert_eq!(shock_index(heart_rate, systolic_bp), None);
        }
    }
}
