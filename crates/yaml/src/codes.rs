//! What can be wrong with any YAML file of ours.

crate::codes! {
    /// The text is not YAML.
    YAML_SYNTAX = "yaml-syntax",
    /// A field is not one of those that may stand there.
    UNKNOWN_FIELD = "unknown-field",
    /// A field that must be there is not.
    MISSING_FIELD = "missing-field",
    /// A field is given twice.
    FIELD_TWICE = "field-twice",
    /// A list stands where a value is wanted, or the like.
    WRONG_TYPE = "wrong-type",
    /// A value is not one of those that are allowed.
    WRONG_VALUE = "wrong-value",
    /// A variable has no value and no default.
    UNSET_VARIABLE = "unset-variable",
    /// A variable's value would read as something else where it stands.
    UNFIT_VARIABLE = "unfit-variable",
    /// A name has letters that names do not have.
    BAD_NAME = "bad-name",
    /// Two entries have one name.
    NAME_TAKEN = "name-taken",
    /// There are more entries than a pipeline may have.
    TOO_MANY = "too-many",
}
