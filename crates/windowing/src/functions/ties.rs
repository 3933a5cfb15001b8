//! Which of several values of one instant counts, where one must.

use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::physical_expr::expressions::Column;
use wardwatch_clinical::VitalSign;

/// The rule of an aggregate: of a vital sign the clinically worse value counts, of an expression the larger, since nobody knows
/// which way it is worse.
#[derive(Clone, Copy, Debug)]
pub(super) struct TieRule {
    vital: Option<VitalSign>,
}

// === impl TieRule ===

impl TieRule {
    /// The rule for the aggregate's first argument.
    pub(super) fn of(args: &AccumulatorArgs<'_>) -> Self {
        let column = args.exprs.first().and_then(|expr| expr.downcast_ref::<Column>());
        Self {
            vital: column.and_then(|column| VitalSign::from_name(column.name())),
        }
    }

    /// Which of two counts, in whatever order they are given. Of more than two it is that of the least and the greatest.
    pub(super) fn decide(self, one: f64, other: f64) -> f64 {
        match self.vital {
            Some(vital) => vital.info().worse(one, other),
            None => one.max(other),
        }
    }
}
