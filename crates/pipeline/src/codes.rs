//! What can be wrong with a pipeline, beyond its YAML.

wardwatch_yaml::codes! {
    /// A list that must have an entry has none.
    NONE_GIVEN = "none-given",
    /// A topic's name is not one that Kafka takes, or is taken.
    BAD_TOPIC = "bad-topic",
    /// Rules of time contradict each other.
    BAD_TIME = "bad-time",
    /// A window and its slide do not fit.
    BAD_WINDOW = "bad-window",
    /// Something is not a vital sign.
    UNKNOWN_VITAL = "unknown-vital-sign",
    /// SQL does not parse.
    SQL_SYNTAX = "sql-syntax",
    /// SQL reads a name that there is not.
    SQL_UNKNOWN_NAME = "sql-unknown-name",
    /// SQL calls a function that there is not.
    SQL_UNKNOWN_FUNCTION = "sql-unknown-function",
    /// SQL parses, and means nothing.
    SQL_PLAN = "sql-plan",
    /// SQL is not of the shape that is wanted here.
    SQL_SHAPE = "sql-shape",
    /// An aggregate cannot be computed pane by pane.
    SQL_AGGREGATE = "sql-aggregate",
    /// SQL depends on when or where it runs.
    SQL_NOT_DETERMINISTIC = "sql-not-deterministic",
    /// A result has a type that is not wanted here.
    SQL_TYPE = "sql-type",
    /// A text is compared with one that it never equals.
    NEVER_EQUAL = "never-equal",
    /// A name means two things.
    AMBIGUOUS = "ambiguous-name",
    /// Fields exclude each other.
    EITHER_OR = "either-or",
    /// There is no such model.
    UNKNOWN_MODEL = "unknown-model",
    /// A model's files are not sound.
    BAD_MODEL = "bad-model",
    /// A model reads what there is not, or not in this unit.
    MODEL_INPUT = "model-input",
    /// A score that is to stand in cannot.
    BAD_FALLBACK = "bad-fallback",
    /// Values of two units are compared.
    UNIT_MISMATCH = "unit-mismatch",
    /// A limit is not a comparison of a vital sign with a number.
    BAD_LIMIT = "bad-limit",
    /// A threshold lies where no value ever is.
    IMPLAUSIBLE = "implausible-threshold",
    /// A worse limit is no worse.
    NOT_WORSE = "not-worse",
    /// An alarm would begin and end at the same values.
    FLAPPING = "flapping",
    /// An alarm can never begin.
    NEVER_BEGINS = "never-begins",
    /// An alarm can never end.
    NEVER_CLEARS = "never-clears",
    /// Nothing would ever evaluate this.
    NEVER_EVALUATED = "never-evaluated",
    /// A limit has no source that may drive it.
    NO_LIVE_SOURCE = "no-live-source",
    /// A field changes nothing here.
    NO_EFFECT = "no-effect",
    /// A quotient of two counts is cut to a whole number. A warning.
    WHOLE_SHARE = "whole-share",
}
