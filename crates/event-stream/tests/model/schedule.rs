//! A schedule: a reproducible sequence of steps.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use event_stream::protocol::{Arrival, EventBatch, EventOutcome, StoreSettings, store};
use event_stream::record::RecordId;
use event_stream::{Event, ObjectFormat};

use crate::mapping::{InvocationResult, Mapping, NextStep};
use crate::schedule_result::ScheduleResult;
use crate::simulated_store::{BrokenRule, CallFaults, ModelState, NONE, SimulatedStore};

const TYPES: [&str; 3] = ["lesson:started", "lesson:done", "product:processed:timeout"];
const CLAIM_MS: i64 = 60_000;

/// A record with one event, or with several if it is aggregated.
#[derive(Clone)]
struct Produced {
    sequence: Arc<str>,
    events: Vec<Event>,
    arrived_ms: i64,
}

/// A sequence of records that a mapping reads in order: a shard, or a part of one if several of its batches run at once.
struct Lane {
    shard: Arc<str>,
    parents: Vec<usize>,
    open: bool,
    records: Vec<Produced>,
    next: usize,
    most: usize,
    retries: u32,
    delivery: Option<usize>,
}

/// A running invocation.
struct Delivery {
    lane: usize,
    first: usize,
    count: usize,
    future: Pin<Box<dyn Future<Output = Vec<EventOutcome>>>>,
    records: Vec<usize>,
    /// The mapping has given up, but the invocation continues.
    zombie: bool,
}

/// One run of the model.
pub(crate) struct Schedule {
    state: Rc<RefCell<ModelState>>,
    settings: StoreSettings,
    mapping: Mapping,
    lanes: Vec<Lane>,
    deliveries: BTreeMap<usize, Delivery>,
    begun: usize,
    sequences: u64,
    produced: Vec<Event>,
    passed_over: BTreeSet<String>,
    /// The UUIDs of acknowledged records, which are not delivered again.
    acknowledged: BTreeSet<String>,
    splits: usize,
    max_batch: usize,
}

impl Schedule {
    pub(crate) fn new(seed: u64, broken: BrokenRule) -> Self {
        let mut state = ModelState::new(seed);
        state.broken = broken;
        let percent = state.random.below(13);
        state.faults = CallFaults { refused: percent, answer_lost: percent, late: percent / 2 };
        let mapping = Mapping {
            bisect: state.random.percent(70),
            max_retries: state.random.percent(25).then(|| u32::try_from(state.random.below(4)).unwrap()),
            max_age_ms: state.random.percent(15).then(|| i64::try_from(state.random.below(8)).unwrap() * CLAIM_MS),
        };
        let (lanes, max_batch) = (1 + state.random.below(4), 1 + state.random.index(9));
        let settings = StoreSettings {
            types: "lesson,product,other".parse().expect("they are safe"),
            format: ObjectFormat::Parquet,
            claim_ms: CLAIM_MS,
            window_secs: 604_800,
            calls_at_once: 1 + state.random.index(4),
        };
        let mut schedule = Self {
            state: Rc::new(RefCell::new(state)),
            settings,
            mapping,
            lanes: Vec::new(),
            deliveries: BTreeMap::new(),
            begun: 0,
            sequences: 0,
            produced: Vec::new(),
            passed_over: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
            splits: 0,
            max_batch,
        };
        for lane in 0..lanes {
            // Two lanes are parts of one shard.
            schedule.open(&format!("shardId-{:012}", lane / 2), Vec::new());
        }
        schedule
    }

    /// Runs steps with faults for some time, then without faults until all records are read.
    pub(crate) fn run(mut self) -> ScheduleResult {
        for _ in 0..self.below(400) + 100 {
            self.step();
        }
        self.state.borrow_mut().faults = NONE;
        let mut idle = 0;
        while idle < 3 {
            while self.state.borrow_mut().land_late() {}
            let begun = self.begin_all();
            let polled = self.poll_all();
            idle = if begun || polled { 0 } else { idle + 1 };
            // Claims expire, so that deliveries that wait for one can continue.
            self.state.borrow_mut().now_ms += CLAIM_MS / 4;
        }
        self.result()
    }

    fn step(&mut self) {
        match self.below(100) {
            0..25 => self.produce(),
            25..27 => self.split(),
            27..45 => {
                let lane = self.index(self.lanes.len());
                self.begin(lane);
            }
            45..90 => {
                if let Some(id) = self.any_delivery() {
                    self.poll(id);
                }
            }
            90..93 => {
                if let Some(id) = self.any_delivery() {
                    self.give_up(id);
                }
            }
            93..95 => drop(self.state.borrow_mut().land_late()),
            95..97 => self.rewind(),
            _ => {
                let passed = self.below(3) * CLAIM_MS / 2;
                self.state.borrow_mut().now_ms += passed;
            }
        }
    }

    fn below(&self, end: u64) -> i64 {
        i64::try_from(self.state.borrow_mut().random.below(end)).unwrap()
    }

    fn index(&self, end: usize) -> usize {
        self.state.borrow_mut().random.index(end)
    }

    fn percent(&self, percent: u64) -> bool {
        self.state.borrow_mut().random.percent(percent)
    }

    fn open(&mut self, shard: &str, parents: Vec<usize>) {
        let (shard, most) = (Arc::from(shard), usize::MAX);
        let lane = Lane { shard, parents, open: true, records: Vec::new(), next: 0, most, retries: 0, delivery: None };
        self.lanes.push(lane);
    }

    fn produce(&mut self) {
        let open: Vec<usize> = (0..self.lanes.len()).filter(|lane| self.lanes[*lane].open).collect();
        let lane = open[self.index(open.len())];
        let count = if self.percent(20) { 1 + self.below(4) } else { 1 };
        let events = (0..count).map(|_| self.event()).collect();
        self.sequences += 1;
        let arrived_ms = self.state.borrow().now_ms;
        self.lanes[lane].records.push(Produced { sequence: self.sequences.to_string().into(), events, arrived_ms });
    }

    /// A new event, or one that was sent before.
    fn event(&mut self) -> Event {
        if !self.produced.is_empty() && self.percent(30) {
            let back = 1 + self.index(self.produced.len().min(6));
            return self.produced[self.produced.len() - back].clone();
        }
        let number = self.produced.len();
        let days = self.below(2);
        let created_ms = self.state.borrow().now_ms - days * 86_400_000;
        let event = Event {
            uuid: format!("00000000-0000-4000-8000-{number:012}"),
            name: TYPES[self.index(3)].to_owned(),
            created_ms,
            other: None,
        };
        self.produced.push(event.clone());
        event
    }

    fn split(&mut self) {
        let open: Vec<usize> = (0..self.lanes.len()).filter(|lane| self.lanes[*lane].open).collect();
        if open.len() > 4 {
            return;
        }
        let parent = open[self.index(open.len())];
        let shard = Arc::clone(&self.lanes[parent].shard);
        let parents: Vec<usize> = (0..self.lanes.len()).filter(|lane| self.lanes[*lane].shard == shard).collect();
        for lane in &parents {
            self.lanes[*lane].open = false;
        }
        for _ in 0..2 {
            let name = format!("shardId-{:012}", self.lanes.len());
            self.open(&name, parents.clone());
        }
    }

    /// The mapping resumes at an earlier record.
    fn rewind(&mut self) {
        let lane = self.index(self.lanes.len());
        let back = self.index(4);
        let lane = &mut self.lanes[lane];
        if lane.delivery.is_none() {
            lane.next = lane.next.saturating_sub(back);
        }
    }

    fn is_done(&self, lane: usize) -> bool {
        let lane = &self.lanes[lane];
        !lane.open && lane.delivery.is_none() && lane.next == lane.records.len()
    }

    fn begin_all(&mut self) -> bool {
        (0..self.lanes.len()).fold(false, |begun, lane| self.begin(lane) | begun)
    }

    fn begin(&mut self, at: usize) -> bool {
        let lane = &self.lanes[at];
        let left = lane.records.len() - lane.next;
        if lane.delivery.is_some() || left == 0 || !lane.parents.iter().all(|parent| self.is_done(*parent)) {
            return false;
        }
        let new_batch = 1 + self.index(self.max_batch);
        // A retry has the same batch, or half of it.
        let count = if lane.most < usize::MAX { lane.most } else { new_batch }.min(left);
        let first = lane.next;
        let records = &lane.records[first..first + count];
        let id =
            |record: &Produced| RecordId { shard: Arc::clone(&lane.shard), sequence: Arc::clone(&record.sequence) };
        let arrivals = records.iter().enumerate().flat_map(|(number, record)| {
            let arrival = move |(part, event): (usize, &Event)| Arrival {
                event: event.clone(),
                record: number,
                part,
                arrived_ms: record.arrived_ms,
            };
            record.events.iter().enumerate().map(arrival)
        });
        let batch = EventBatch { records: records.iter().map(id).collect(), arrivals: arrivals.collect() };
        let of_records = batch.arrivals.iter().map(|arrival| arrival.record).collect();
        let (settings, simulated) = (self.settings.clone(), SimulatedStore(Rc::clone(&self.state)));
        let future = Box::pin(async move { store(&batch, &settings, &simulated).await });
        let delivery = Delivery { lane: at, first, count, future, records: of_records, zombie: false };
        self.deliveries.insert(self.begun, delivery);
        self.lanes[at].delivery = Some(self.begun);
        self.begun += 1;
        true
    }

    fn any_delivery(&self) -> Option<usize> {
        let ids: Vec<usize> = self.deliveries.keys().copied().collect();
        (!ids.is_empty()).then(|| ids[self.index(ids.len())])
    }

    fn poll_all(&mut self) -> bool {
        let ids: Vec<usize> = self.deliveries.keys().copied().collect();
        for id in &ids {
            self.poll(*id);
        }
        !ids.is_empty()
    }

    fn poll(&mut self, id: usize) {
        let Some(delivery) = self.deliveries.get_mut(&id) else { return };
        let Poll::Ready(outcomes) = delivery.future.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
            return;
        };
        let failed: BTreeSet<usize> = delivery
            .records
            .iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| matches!(outcome, EventOutcome::Failed(_)))
            .map(|(record, _)| *record)
            .collect();
        let delivery = self.deliveries.remove(&id).expect("it is there");
        if delivery.zombie {
            return;
        }
        let is_error = failed.len() == delivery.count && self.percent(50);
        let healthy = self.state.borrow().faults.refused == 0;
        let result = if is_error || (!healthy && self.percent(5)) {
            InvocationResult::Error
        } else {
            let sequence =
                |record: &usize| self.lanes[delivery.lane].records[delivery.first + record].sequence.to_string();
            InvocationResult::Failures(failed.iter().map(sequence).collect())
        };
        self.finish_delivery(&delivery, &result);
    }

    /// The mapping gives up: the invocation ended without a reply, or continues without a caller.
    fn give_up(&mut self, id: usize) {
        let delivery = self.deliveries.get_mut(&id).expect("it is there");
        let (lane, was_zombie) = (delivery.lane, delivery.zombie);
        let (first, count) = (delivery.first, delivery.count);
        if self.percent(50) {
            self.deliveries.get_mut(&id).expect("it is there").zombie = true;
        } else {
            self.deliveries.remove(&id);
        }
        if !was_zombie {
            let future = Box::pin(std::future::pending());
            let gone = Delivery { lane, first, count, future, records: Vec::new(), zombie: false };
            self.finish_delivery(&gone, &InvocationResult::Error);
        }
    }

    fn finish_delivery(&mut self, delivery: &Delivery, result: &InvocationResult) {
        let lane = &mut self.lanes[delivery.lane];
        lane.delivery = None;
        let batch = &lane.records[delivery.first..delivery.first + delivery.count];
        let sequences: Vec<String> = batch.iter().map(|record| record.sequence.to_string()).collect();
        let now_ms = self.state.borrow().now_ms;
        let ages_ms: Vec<i64> = batch.iter().map(|record| now_ms - record.arrived_ms).collect();
        match self.mapping.next(&sequences, &ages_ms, result, lane.retries) {
            NextStep::Resume { after, .. } if after == delivery.count => {
                self.acknowledged.extend(uuids_of(batch));
                lane.next = delivery.first + after;
                (lane.most, lane.retries) = (usize::MAX, 0);
            }
            NextStep::Resume { after, bisect, counts } => {
                self.acknowledged.extend(uuids_of(&batch[..after]));
                lane.next = delivery.first + after;
                let left = delivery.count - after;
                lane.most = if bisect { left.div_ceil(2) } else { left };
                lane.retries += u32::from(counts);
                self.splits += usize::from(bisect);
            }
            NextStep::PassOver { after } => {
                self.acknowledged.extend(uuids_of(&batch[..after]));
                self.passed_over.extend(uuids_of(&batch[after..]));
                lane.next = delivery.first + delivery.count;
                (lane.most, lane.retries) = (usize::MAX, 0);
            }
        }
    }

    fn result(&self) -> ScheduleResult {
        let records = self.lanes.iter().flat_map(|lane| &lane.records);
        let sent: BTreeSet<&str> = records.flat_map(|record| &record.events).map(|event| event.uuid.as_str()).collect();
        // A skipped record excuses a lost event, unless another record of the event was acknowledged.
        let is_excused = |uuid: &str| self.passed_over.contains(uuid) && !self.acknowledged.contains(uuid);
        ScheduleResult {
            deliveries: self.begun,
            passed_over: self.passed_over.len(),
            splits: self.splits,
            ..ScheduleResult::of(&self.state.borrow(), &self.produced, |uuid| sent.contains(uuid) && !is_excused(uuid))
        }
    }
}

fn uuids_of(records: &[Produced]) -> impl Iterator<Item = String> {
    records.iter().flat_map(|record| &record.events).map(|event| event.uuid.clone())
}
