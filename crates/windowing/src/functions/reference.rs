//! What our SQL functions give, for a reader: the guide's page of functions is made from this.

/// A function of ours.
#[derive(Clone, Copy, Debug)]
pub struct FunctionReference {
    /// Its name.
    pub name: &'static str,
    /// How it is called.
    pub call: &'static str,
    /// What it gives.
    pub gives: &'static str,
    /// A call that works: in a feature set for an aggregate, else in a score.
    pub example: &'static str,
    /// Whether it is an aggregate over a window.
    pub is_aggregate: bool,
}

/// Every function that a pipeline's author may call, in the order of the guide.
pub const REFERENCE: [FunctionReference; 10] = [
    FunctionReference {
        name: "latest",
        call: "latest(x)",
        gives: "The value with the largest timestamp in the window. Of several at one instant it is the clinically worse: of SpO2 the \
                lower, of a heart rate the further from 85.5, of two as far the lower. Where `x` is an expression it is the largest.",
        example: "latest(spo2)",
        is_aggregate: true,
    },
    FunctionReference {
        name: "age",
        call: "age(x)",
        gives: "Seconds from the latest value's timestamp to the window's end.",
        example: "age(spo2)",
        is_aggregate: true,
    },
    FunctionReference {
        name: "slope",
        call: "slope(x)",
        gives: "The least-squares slope, in the vital sign's unit per minute; NULL below two instants.",
        example: "slope(heart_rate)",
        is_aggregate: true,
    },
    FunctionReference {
        name: "time_below",
        call: "time_below(x, limit)",
        gives: "Seconds below a limit: each value holds until the next of its vital sign, the last until the window's end. Of several \
                at one instant the one holds that `latest` would give.",
        example: "time_below(arterial_mean, 65)",
        is_aggregate: true,
    },
    FunctionReference {
        name: "time_above",
        call: "time_above(x, limit)",
        gives: "Seconds above a limit, likewise.",
        example: "time_above(heart_rate, 130)",
        is_aggregate: true,
    },
    FunctionReference {
        name: "news2",
        call: "news2(resp_rate, spo2, spo2_scale, on_oxygen, systolic_bp, pulse, consciousness, temperature)",
        gives: "NEWS2 (Royal College of Physicians, 2017), 0 to 20, as a point score. It is unavailable for patients under 16 and in \
                pregnancy; unknown age counts as adult. Scores and conditions take both from context, elsewhere `age, pregnant` may \
                follow.",
        example: "news2(resp_rate, spo2, spo2_scale, on_oxygen, systolic_bp, pulse, consciousness, temperature)",
        is_aggregate: false,
    },
    FunctionReference {
        name: "mews",
        call: "mews(systolic_bp, heart_rate, resp_rate, temperature, consciousness)",
        gives: "MEWS (Subbe et al., 2001), 0 to 14, as a point score.",
        example: "mews(systolic_bp, heart_rate, resp_rate, temperature, consciousness)",
        is_aggregate: false,
    },
    FunctionReference {
        name: "qsofa",
        call: "qsofa(resp_rate, systolic_bp, gcs_total)",
        gives: "qSOFA (Singer et al., 2016), 0 to 3, as a point score.",
        example: "qsofa(resp_rate, systolic_bp, gcs_total)",
        is_aggregate: false,
    },
    FunctionReference {
        name: "sirs",
        call: "sirs(temperature, heart_rate, resp_rate, wbc)",
        gives: "SIRS (Bone et al., 1992), 0 to 4, as a point score; white cells in 10⁹/L, NULL where no laboratory is a source.",
        example: "sirs(temperature, heart_rate, resp_rate, NULL)",
        is_aggregate: false,
    },
    FunctionReference {
        name: "shock_index",
        call: "shock_index(heart_rate, systolic_bp)",
        gives: "Their ratio; NULL where one is missing or the pressure is not above zero.",
        example: "shock_index(heart_rate, systolic_bp)",
        is_aggregate: false,
    },
];

/// DataFusion's aggregates that a feature set may have: how they are called, and what they give.
pub const AGGREGATES: [(&str, &str); 12] = [
    (
        "`count(x)`",
        "How many values; 0 over none, where all others are NULL.",
    ),
    (
        "`sum(x)`, `avg(x)`",
        "Of whole numbers exact; a sum that is too large for its type is NULL, and reported.",
    ),
    ("`min(x)`, `max(x)`", "The least and the greatest."),
    (
        "`var(x)`, `var_pop(x)`, `stddev(x)`, `stddev_pop(x)`",
        "Variance and deviation, of the sample unless `_pop`; exactly 0 where nothing varies.",
    ),
    (
        "`median(x)`, `percentile_cont(0.9) WITHIN GROUP (ORDER BY x)`",
        "Exact, and interpolated between two values.",
    ),
    (
        "`first_value(x ORDER BY ts)`, `last_value(…)`, `nth_value(x, 2 ORDER BY ts)`",
        "By time or by value; of two at one instant the value decides. `latest(x)` is faster.",
    ),
    (
        "`array_agg(x ORDER BY ts)`",
        "All values: take an element, `[1]` or `[-1]`, or its `cardinality(…)`.",
    ),
    (
        "`cardinality(array_distinct(array_agg(x ORDER BY ts)))`",
        "How many distinct values.",
    ),
    (
        "`corr(y, x)`, `covar_samp(y, x)`, `covar_pop(y, x)`",
        "Correlation and covariance with what `ts` gives, or with the vital sign itself.",
    ),
    (
        "`regr_slope(y, x)`, and `_intercept`, `_r2`, `_count`, `_avgx`, `_avgy`, `_sxx`, `_syy`, `_sxy`",
        "Linear regression, as of `extract(epoch FROM ts)`; no digit is lost to absolute times. `slope(x)` is faster.",
    ),
    (
        "`bit_and(x)`, `bit_or(x)`, `bit_xor(x)`",
        "Of whole numbers, such as `CAST(x AS BIGINT)`.",
    ),
    ("`bool_and(…)`, `bool_or(…)`", "Of comparisons."),
];
