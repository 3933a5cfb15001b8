//! What kinds of problems there are. A code is for ever: people search for it, and tools act on it.

use std::fmt;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// A kind of problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// Every code, in the order of this file.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// As it is shown: `unknown-field`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// What it means, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+).trim_ascii(),)+
                }
            }
        }
    };
}

codes! {
    /// The text is not YAML.
    YamlSyntax = "yaml-syntax",
    /// A field is not one of those that may stand there.
    UnknownField = "unknown-field",
    /// A field that must be there is not.
    MissingField = "missing-field",
    /// A field is given twice.
    FieldTwice = "field-twice",
    /// A list stands where a value is wanted, or the like.
    WrongType = "wrong-type",
    /// A value is not one of those that are allowed.
    WrongValue = "wrong-value",
    /// A variable has no value and no default.
    UnsetVariable = "unset-variable",
    /// A variable's value would read as something else where it stands.
    UnfitVariable = "unfit-variable",
    /// A name has letters that names do not have.
    BadName = "bad-name",
    /// Two entries have one name.
    NameTaken = "name-taken",
    /// There are more entries than a pipeline may have.
    TooMany = "too-many",
    /// A list that must have an entry has none.
    NoneGiven = "none-given",
    /// A topic's name is not one that Kafka takes, or is taken.
    BadTopic = "bad-topic",
    /// Rules of time contradict each other.
    BadTime = "bad-time",
    /// A window and its slide do not fit.
    BadWindow = "bad-window",
    /// Something is not a vital sign.
    UnknownVital = "unknown-vital-sign",
    /// SQL does not parse.
    SqlSyntax = "sql-syntax",
    /// SQL reads a name that there is not.
    SqlUnknownName = "sql-unknown-name",
    /// SQL calls a function that there is not.
    SqlUnknownFunction = "sql-unknown-function",
    /// SQL parses, and means nothing.
    SqlPlan = "sql-plan",
    /// SQL is not of the shape that is wanted here.
    SqlShape = "sql-shape",
    /// An aggregate cannot be computed pane by pane.
    SqlAggregate = "sql-aggregate",
    /// SQL depends on when or where it runs.
    SqlNotDeterministic = "sql-not-deterministic",
    /// A result has a type that is not wanted here.
    SqlType = "sql-type",
    /// A text is compared with one that it never equals.
    NeverEqual = "never-equal",
    /// A name means two things.
    Ambiguous = "ambiguous-name",
    /// Fields exclude each other.
    EitherOr = "either-or",
    /// There is no such model.
    UnknownModel = "unknown-model",
    /// A model's files are not sound.
    BadModel = "bad-model",
    /// A model reads what there is not, or not in this unit.
    ModelInput = "model-input",
    /// A score that is to stand in cannot.
    BadFallback = "bad-fallback",
    /// Values of two units are compared.
    UnitMismatch = "unit-mismatch",
    /// A limit is not a comparison of a vital sign with a number.
    BadLimit = "bad-limit",
    /// A threshold lies where no value ever is.
    Implausible = "implausible-threshold",
    /// A worse limit is no worse.
    NotWorse = "not-worse",
    /// An alarm would begin and end at the same values.
    Flapping = "flapping",
    /// An alarm can never begin.
    NeverBegins = "never-begins",
    /// An alarm can never end.
    NeverClears = "never-clears",
    /// Nothing would ever evaluate this.
    NeverEvaluated = "never-evaluated",
    /// A limit has no source that may drive it.
    NoLiveSource = "no-live-source",
    /// A field changes nothing here.
    NoEffect = "no-effect",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
