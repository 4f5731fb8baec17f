//! A schedule: what happens, one thing after another, as a seed decides.

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
use crate::simulated_store::{BrokenRule, CallFaults, ModelObject, ModelState, NONE, SimulatedStore};

const TYPES: [&str; 3] = ["lesson:started", "lesson:done", "product:processed:timeout"];
const CLAIM_MS: i64 = 60_000;

/// A record of the model: one event, or several if it is aggregated.
#[derive(Clone)]
struct Produced {
    sequence: Arc<str>,
    events: Vec<Event>,
    arrived_ms: i64,
}

/// What a mapping reads one after another: a shard, or a part of it if several batches of it may run at once.
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
    /// Nobody waits for it any more, and it does not know.
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
    /// Events of records that do not come again since they are done.
    acknowledged: BTreeSet<String>,
    splits: usize,
    max_batch: u64,
}

/// What a run showed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ScheduleResult {
    pub(crate) events: usize,
    pub(crate) lost: Vec<String>,
    pub(crate) doubled: Vec<String>,
    pub(crate) damaged: Vec<String>,
    pub(crate) seals: usize,
    pub(crate) taken_over: usize,
    pub(crate) deliveries: usize,
    pub(crate) passed_over: usize,
    pub(crate) splits: usize,
}

impl Schedule {
    pub(crate) fn new(seed: u64, broken: BrokenRule) -> Self {
        let mut state = ModelState::new(seed);
        state.broken = broken;
        let percent = state.random.below(13);
        state.faults = CallFaults { refused: percent, answer_lost: percent, late: percent / 2 };
        let mapping = Mapping {
            bisect: state.random.percent(70),
            max_retries: state.random.percent(25).then(|| state.random.below(4) as u32),
            max_age_ms: state.random.percent(15).then(|| state.random.below(8) as i64 * CLAIM_MS),
        };
        let (lanes, max_batch) = (1 + state.random.below(4), 1 + state.random.below(9));
        let settings = StoreSettings {
            types: "lesson,product,other".parse().expect("they are safe"),
            format: ObjectFormat::Parquet,
            claim_ms: CLAIM_MS,
            window_secs: 604_800,
            calls_at_once: 1 + state.random.below(4) as usize,
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
            // Two lanes may be parts of one shard.
            schedule.open(&format!("shardId-{:012}", lane / 2), Vec::new());
        }
        schedule
    }

    /// Runs to the end: some time of everything going wrong, then until all is read.
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
            // Whoever waits for a claim waits until it has expired.
            self.state.borrow_mut().now_ms += CLAIM_MS / 4;
        }
        self.seen()
    }

    fn step(&mut self) {
        match self.below(100) {
            0..25 => self.produce(),
            25..27 => self.split(),
            27..45 => {
                let lane = self.below(self.lanes.len() as u64) as usize;
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
        self.state.borrow_mut().random.below(end) as i64
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
        let lane = open[self.below(open.len() as u64) as usize];
        let count = if self.percent(20) { 1 + self.below(4) } else { 1 };
        let events = (0..count).map(|_| self.event()).collect();
        self.sequences += 1;
        let arrived_ms = self.state.borrow().now_ms;
        self.lanes[lane].records.push(Produced { sequence: self.sequences.to_string().into(), events, arrived_ms });
    }

    /// A new event, or one that was sent before.
    fn event(&mut self) -> Event {
        if !self.produced.is_empty() && self.percent(30) {
            let back = 1 + self.below(self.produced.len().min(6) as u64) as usize;
            return self.produced[self.produced.len() - back].clone();
        }
        let number = self.produced.len();
        let days = self.below(2);
        let created_ms = self.state.borrow().now_ms - days * 86_400_000;
        let event = Event {
            uuid: format!("00000000-0000-4000-8000-{number:012}"),
            name: TYPES[self.below(3) as usize].to_owned(),
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
        let parent = open[self.below(open.len() as u64) as usize];
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

    /// The mapping has forgotten how far it had come.
    fn rewind(&mut self) {
        let lane = self.below(self.lanes.len() as u64) as usize;
        let back = self.below(4) as usize;
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
        let wanted = 1 + self.below(self.max_batch) as usize;
        // What is tried again is the same batch, or half of it.
        let count = if lane.most < usize::MAX { lane.most } else { wanted }.min(left);
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
        let (settings, world) = (self.settings.clone(), SimulatedStore(Rc::clone(&self.state)));
        let future = Box::pin(async move { store(&batch, &settings, &world).await });
        let delivery = Delivery { lane: at, first, count, future, records: of_records, zombie: false };
        self.deliveries.insert(self.begun, delivery);
        self.lanes[at].delivery = Some(self.begun);
        self.begun += 1;
        true
    }

    fn any_delivery(&self) -> Option<usize> {
        let ids: Vec<usize> = self.deliveries.keys().copied().collect();
        (!ids.is_empty()).then(|| ids[self.below(ids.len() as u64) as usize])
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
        let Poll::Ready(fates) = delivery.future.as_mut().poll(&mut Context::from_waker(Waker::noop())) else { return };
        let failed: BTreeSet<usize> = delivery
            .records
            .iter()
            .zip(&fates)
            .filter(|(_, fate)| matches!(fate, EventOutcome::Failed(_)))
            .map(|(record, _)| *record)
            .collect();
        let delivery = self.deliveries.remove(&id).expect("it is there");
        if delivery.zombie {
            return;
        }
        let is_error = failed.len() == delivery.count && self.percent(50);
        let healthy = self.state.borrow().faults.refused == 0;
        let answer = if is_error || (!healthy && self.percent(5)) {
            InvocationResult::Error
        } else {
            let sequence =
                |record: &usize| self.lanes[delivery.lane].records[delivery.first + record].sequence.to_string();
            InvocationResult::Failures(failed.iter().map(sequence).collect())
        };
        self.answered(&delivery, &answer);
    }

    /// The mapping waits no longer: the function ended without a word, or goes on where nobody sees it.
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
            self.answered(&gone, &InvocationResult::Error);
        }
    }

    fn answered(&mut self, delivery: &Delivery, answer: &InvocationResult) {
        let lane = &mut self.lanes[delivery.lane];
        lane.delivery = None;
        let batch = &lane.records[delivery.first..delivery.first + delivery.count];
        let sequences: Vec<String> = batch.iter().map(|record| record.sequence.to_string()).collect();
        let now_ms = self.state.borrow().now_ms;
        let ages_ms: Vec<i64> = batch.iter().map(|record| now_ms - record.arrived_ms).collect();
        match self.mapping.next(&sequences, &ages_ms, answer, lane.retries) {
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

    fn seen(&self) -> ScheduleResult {
        let state = self.state.borrow();
        let mut stored: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for object in state.objects.values() {
            if let ModelObject::Rows(rows) = object {
                rows.iter().for_each(|(uuid, name)| stored.entry(uuid).or_default().push(name));
            }
        }
        let all = || self.produced.iter();
        let times = |event: &Event| stored.get(event.uuid.as_str()).map_or(0, Vec::len);
        let uuid = |event: &Event| event.uuid.clone();
        let sent: BTreeSet<&str> = self
            .lanes
            .iter()
            .flat_map(|lane| &lane.records)
            .flat_map(|record| &record.events)
            .map(|event| event.uuid.as_str())
            .collect();
        // One of its records may have been passed over; not if another one was acknowledged.
        let is_excused = |uuid: &String| self.passed_over.contains(uuid) && !self.acknowledged.contains(uuid);
        let is_lost =
            |event: &&Event| sent.contains(event.uuid.as_str()) && times(event) == 0 && !is_excused(&event.uuid);
        let is_damaged = |event: &&Event| {
            stored.get(event.uuid.as_str()).is_some_and(|names| names.iter().any(|name| *name != event.name))
        };
        ScheduleResult {
            events: self.produced.len(),
            lost: all().filter(is_lost).map(uuid).collect(),
            doubled: all().filter(|event| times(event) > 1).map(uuid).collect(),
            damaged: all().filter(is_damaged).map(uuid).collect(),
            seals: state.objects.values().filter(|object| **object == ModelObject::Seal).count(),
            taken_over: state.claims.values().filter(|claim| claim.version > 1).count(),
            deliveries: self.begun,
            passed_over: self.passed_over.len(),
            splits: self.splits,
        }
    }
}

fn uuids_of(records: &[Produced]) -> impl Iterator<Item = String> {
    records.iter().flat_map(|record| &record.events).map(|event| event.uuid.clone())
}
