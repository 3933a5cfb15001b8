//! What scores and alarms predict, so that a back-test judges each by its own outcome.

use wardwatch_event_time::Span;
use wardwatch_yaml::{Place, Problems};

use crate::document::PredictsText;
use crate::scores::CheckedScore;
use crate::{Predicts, codes};

/// What `predicts` says; its names and lengths are checked.
pub(crate) fn predicts(
    text: Option<&PredictsText>,
    place: &Place,
    problems: &mut Problems,
) -> Option<Predicts> {
    let text = text?;
    let place = place.field("predicts", text.outcome.at);
    problems.check_name(&place.field("outcome", text.outcome.at), &text.outcome, &[]);
    if let Some(horizon) = text
        .horizon
        .as_ref()
        .filter(|horizon| horizon.value <= Span::ZERO)
    {
        problems.push(
            codes::BAD_TIME,
            &place.field("horizon", horizon.at),
            "nothing comes that soon",
            "give a length such as 4h, or leave it out where any time will do",
        );
    }
    Some(Predicts {
        outcome: text.outcome.value.clone(),
        horizon: text.horizon.as_ref().map(|given| given.value),
        recurs: text.recurs.as_ref().is_some_and(|given| given.value),
    })
}

/// What all of some scores predict, if they agree: an alarm on them predicts it too.
pub(crate) fn common(read: &[usize], scores: &[CheckedScore]) -> Option<Predicts> {
    let predicts = |score: &usize| scores[*score].planned.as_ref()?.predicts.as_ref();
    let first = predicts(read.first()?)?;
    let is_common = read.iter().all(|score| predicts(score) == Some(first));
    is_common.then(|| first.clone())
}
