//! A model of the Kinesis event source mapping, from its documentation.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html>: without failures, the whole
//! batch succeeded. With failures, the shard resumes at the lowest of the sequence numbers; with `BisectBatchOnFunctionError`
//! this is the split. An empty id, or one that is not in the batch, means that the whole batch failed. If the invocation
//! fails, `BisectBatchOnFunctionError` splits the batch in two.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html>: a batch is retried until its records
//! expire, exceed `MaximumRecordAgeInSeconds`, or have been retried `MaximumRetryAttempts` times. A split does not consume
//! that quota. Then the batch is named in the on-failure queue and skipped. The documentation does not say whether a batch that
//! resumes at a lower number without a split is still the same batch; the model continues to count its retries.
//!
//! With a `ParallelizationFactor`, a shard has several lanes; the records of a partition key stay in one lane and in order.
//! Tumbling windows add a state to calls and replies and change nothing else. `tests/contract/test_event_stream.py` tests that
//! the template has these settings.

/// The result of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InvocationResult {
    /// `batchItemFailures`.
    Failures(Vec<String>),
    /// An error, a timeout, or no reply.
    Error,
}

/// The next step of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NextStep {
    /// Skips the first `after` records of the batch. `bisect`: the rest is split in two. `counts`: this is a retry.
    Resume { after: usize, bisect: bool, counts: bool },
    /// Skips the whole batch. The records from `after` on are named in the queue.
    PassOver { after: usize },
}

/// The settings of a mapping.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mapping {
    /// `BisectBatchOnFunctionError`.
    pub(crate) bisect: bool,
    /// `MaximumRetryAttempts`; `None` is -1.
    pub(crate) max_retries: Option<u32>,
    /// `MaximumRecordAgeInSeconds` in milliseconds; `None` is -1.
    pub(crate) max_age_ms: Option<i64>,
}

impl Mapping {
    /// The step after a batch with these sequence numbers and ages, which was retried `retries` times.
    pub(crate) fn next(&self, batch: &[String], ages_ms: &[i64], answer: &InvocationResult, retries: u32) -> NextStep {
        let after = match answer {
            InvocationResult::Failures(ids) if ids.is_empty() => {
                return NextStep::Resume { after: batch.len(), bisect: false, counts: false };
            }
            InvocationResult::Failures(ids) => {
                let indexes: Option<Vec<usize>> =
                    ids.iter().map(|id| batch.iter().position(|sequence| sequence == id)).collect();
                indexes.and_then(|indexes| indexes.into_iter().min()).unwrap_or(0)
            }
            InvocationResult::Error => 0,
        };
        if self.max_age_ms.is_some_and(|max| ages_ms[after] > max) {
            return NextStep::PassOver { after };
        }
        let splits = self.bisect && if *answer == InvocationResult::Error { batch.len() > 1 } else { after > 0 };
        if splits {
            return NextStep::Resume { after, bisect: after == 0, counts: false };
        }
        if self.max_retries.is_some_and(|max| retries >= max) {
            return NextStep::PassOver { after };
        }
        NextStep::Resume { after, bisect: false, counts: true }
    }
}

#[test]
fn mapping_follows_the_documentation() {
    let batch: Vec<String> = ["1", "2", "3", "4"].map(str::to_owned).to_vec();
    let failures = |ids: &[&str]| InvocationResult::Failures(ids.iter().map(|id| (*id).to_owned()).collect());
    let split = |after| NextStep::Resume { after, bisect: after == 0, counts: false };
    let retry = |after| NextStep::Resume { after, bisect: false, counts: true };
    let done = NextStep::Resume { after: 4, bisect: false, counts: false };
    for bisect in [true, false] {
        let mapping = Mapping { bisect, max_retries: Some(2), max_age_ms: Some(100) };
        let next = |answer: &InvocationResult, retries| mapping.next(&batch, &[90, 80, 70, 60], answer, retries);
        let either = |if_so: NextStep, if_not: NextStep| if bisect { if_so } else { if_not };
        for (phrase, answer, retries, expected) in [
            ("no failure", failures(&[]), 0, done.clone()),
            ("success at the last retry", failures(&[]), 2, done.clone()),
            ("the lowest of several, and only what remains", failures(&["4", "3"]), 0, either(split(2), retry(2))),
            (
                "a split at the number is not a retry",
                failures(&["4", "3"]),
                2,
                either(split(2), NextStep::PassOver { after: 2 }),
            ),
            ("a failure of the first record is not a split", failures(&["1"]), 1, retry(0)),
            ("the first one at the last retry", failures(&["1"]), 2, NextStep::PassOver { after: 0 }),
            ("an id that is not in the batch", failures(&["3", "9"]), 0, retry(0)),
            ("an empty id", failures(&[""]), 0, retry(0)),
            ("an error", InvocationResult::Error, 1, either(split(0), retry(0))),
            (
                "a split does not consume the quota",
                InvocationResult::Error,
                2,
                either(split(0), NextStep::PassOver { after: 0 }),
            ),
        ] {
            assert_eq!(next(&answer, retries), expected, "{phrase}, bisect {bisect}");
        }
        let alone = |retries| mapping.next(&batch[..1], &[90], &InvocationResult::Error, retries);
        assert_eq!((alone(1), alone(2)), (retry(0), NextStep::PassOver { after: 0 }), "one record cannot be split");
        let old = mapping.next(&batch, &[101, 101, 70, 60], &InvocationResult::Error, 0);
        assert_eq!(old, NextStep::PassOver { after: 0 }, "too old before any retry");
        let old = mapping.next(&batch, &[101, 101, 70, 60], &failures(&["3"]), 0);
        assert_eq!(old, either(split(2), retry(2)), "the old records were stored");
        let endless = Mapping { bisect, max_retries: None, max_age_ms: None };
        assert_eq!(
            endless.next(&batch[..1], &[i64::MAX], &InvocationResult::Error, u32::MAX),
            retry(0),
            "-1 means forever"
        );
    }
}
