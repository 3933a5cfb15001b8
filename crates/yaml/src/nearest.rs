//! "Did you mean …?": the known name nearest to a misspelt one.

/// The nearest of `known`, if it is near: at most one edit for every three characters, and at least one.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| {
            (
                distance(&name.to_lowercase(), &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(edits, _)| *edits <= most)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements, and swaps of neighbours: what fingers do.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    // Row and column 0 stand for the empty text.
    let mut edits = vec![vec![0; right.len() + 1]; left.len() + 1];
    for at in 0..=left.len() {
        for to in 0..=right.len() {
            edits[at][to] = if at == 0 || to == 0 {
                at + to
            } else {
                let replaced = edits[at - 1][to - 1] + usize::from(left[at - 1] != right[to - 1]);
                let fewest = replaced.min(edits[at - 1][to] + 1).min(edits[at][to - 1] + 1);
                let is_swap =
                    at > 1 && to > 1 && left[at - 1] == right[to - 2] && left[at - 2] == right[to - 1];
                if is_swap {
                    fewest.min(edits[at - 2][to - 2] + 1)
                } else {
                    fewest
                }
            };
        }
    }
    edits[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        assert_eq!(distance("", "spo2"), 4);
        assert_eq!(distance("sp02", "spo2"), 1);
        assert_eq!(distance("fro", "for"), 1);
        assert_eq!(distance("heartrate", "heart_rate"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["heart_rate", "spo2", "resp_rate"];
        assert_eq!(nearest("hart_rate", known), Some("heart_rate"));
        assert_eq!(nearest("sp02", known), Some("spo2"));
        assert_eq!(nearest("lactate", known), None);
    }
}
