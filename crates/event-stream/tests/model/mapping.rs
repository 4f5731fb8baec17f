//! The Kinesis event source mapping as its documentation describes it.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html>: no failures mean the whole
//! batch succeeded; with failures, the shard resumes at the lowest of the sequence numbers; an id that is not in the batch, or
//! an empty one, means that the whole batch failed. <https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html>:
//! when its retries are used up, a batch is named in the queue and passed over.

/// What a function answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// `batchItemFailures`.
    Failures(Vec<String>),
    /// An error, a timeout, or nothing at all.
    Error,
}

/// How a mapping goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// After so many records of the batch; at the same place if 0. With what is left cut in two, if so.
    Resume { after: usize, bisect: bool },
    /// Past the batch, which is named in the queue.
    PassOver,
}

/// The settings of a mapping that matter here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mapping {
    pub(crate) bisect: bool,
    pub(crate) max_retries: Option<u32>,
}

impl Mapping {
    /// What comes after a batch of these sequence numbers, tried `retries` times before.
    pub(crate) fn next(&self, batch: &[String], answer: &Answer, retries: u32) -> Next {
        let after = match answer {
            Answer::Failures(ids) if ids.is_empty() => return Next::Resume { after: batch.len(), bisect: false },
            Answer::Failures(ids) => {
                let places: Option<Vec<usize>> =
                    ids.iter().map(|id| batch.iter().position(|sequence| sequence == id)).collect();
                places.and_then(|places| places.into_iter().min()).unwrap_or(0)
            }
            Answer::Error => 0,
        };
        if self.max_retries.is_some_and(|max| retries >= max) {
            return Next::PassOver;
        }
        Next::Resume { after, bisect: self.bisect && batch.len() - after > 1 }
    }
}

#[test]
fn a_shard_resumes_where_the_documentation_says() {
    let batch: Vec<String> = ["1", "2", "3", "4"].map(str::to_owned).to_vec();
    let failures = |ids: &[&str]| Answer::Failures(ids.iter().map(|id| (*id).to_owned()).collect());
    let mapping = Mapping { bisect: true, max_retries: Some(2) };
    for (phrase, answer, retries, next) in [
        ("no failure", failures(&[]), 0, Next::Resume { after: 4, bisect: false }),
        ("the lowest of several", failures(&["4", "3"]), 0, Next::Resume { after: 2, bisect: true }),
        ("the last one alone cannot be cut", failures(&["4"]), 0, Next::Resume { after: 3, bisect: false }),
        ("an id that is not in the batch", failures(&["3", "9"]), 0, Next::Resume { after: 0, bisect: true }),
        ("an empty id", failures(&[""]), 0, Next::Resume { after: 0, bisect: true }),
        ("an error", Answer::Error, 1, Next::Resume { after: 0, bisect: true }),
        ("the last retry", Answer::Error, 2, Next::PassOver),
        ("success at the last retry", failures(&[]), 2, Next::Resume { after: 4, bisect: false }),
    ] {
        assert_eq!(mapping.next(&batch, &answer, retries), next, "{phrase}");
    }
}
