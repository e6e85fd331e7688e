//! The store of messages: `cargo bench --no-default-features --bench store`.
//!
//! A file with `STORE_MESSAGES` messages (100,000 unless said otherwise) in ten rooms, half English and half Japanese. Each
//! question goes through the store's threads, as the app asks it. Absolute times of commits say what the disk at hand
//! does; what carries over is how they compare within one run, and that is printed first.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs, reason = "a benchmark may stop")]

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use conversa::crypto::{Fingerprint, Suite};
use conversa::protocol::{Content, MessageId, Private, RoomId};
use conversa::store::{Answer, FileKey, News, Question, Search, Store, StoredMessage, Write};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use zeroize::Zeroizing;

const MESSAGES: u64 = 100_000;
const ROOMS: u64 = 10;
/// What a list of rows asks for.
const PAGE: u16 = 80;
/// Rows of a commit.
const BATCHES: [u64; 3] = [1, 16, 512];
/// Rounds of each for a ratio; the median counts.
const ROUNDS: usize = 41;

const ENGLISH: [&str; 24] = [
    "the",
    "kernel",
    "meeting",
    "tomorrow",
    "we",
    "should",
    "open",
    "a",
    "window",
    "and",
    "send",
    "report",
    "about",
    "server",
    "before",
    "lunch",
    "because",
    "nobody",
    "knows",
    "where",
    "certificate",
    "was",
    "stored",
    "again",
];
const JAPANESE: [&str; 12] = [
    "明日の",
    "会議室",
    "設定を",
    "ファイル",
    "サーバー",
    "開いて",
    "ください",
    "証明書",
    "パッケージ",
    "予約",
    "しました",
    "今週",
];

struct Asked {
    store: Store,
    news: Receiver<News>,
}

impl Asked {
    fn open(path: &Path) -> Self {
        let (sender, news) = channel();
        let key = FileKey::from_bytes(Zeroizing::new([7; FileKey::BYTES]));
        let store = Store::open(path, &key, move |news| _ = sender.send(news)).unwrap();
        Self { store, news }
    }

    fn ask(&self, question: Question) -> usize {
        self.store.ask(1, question).unwrap();
        loop {
            match self.news.recv().unwrap() {
                News::Answer { answer: Answer::Rows(rows), .. } => return rows.len(),
                News::Answer { answer: Answer::Hits { hits, .. }, .. } => return hits.len(),
                News::Answer { answer: Answer::Rooms(rooms), .. } => return rooms.len(),
                News::Answer { answer, .. } => panic!("{answer:?}"),
                _ => {}
            }
        }
    }

    fn write(&self, writes: impl Iterator<Item = Write>) {
        let mut last = 0;
        for write in writes {
            let mut write = write;
            last = loop {
                match self.store.write(write) {
                    Ok(number) => break number,
                    Err(full) => write = *full.0,
                }
                // As much waits as may.
                self.news.recv().unwrap();
            };
        }
        while !matches!(self.news.recv().unwrap(), News::Committed(number) if number >= last) {}
    }

    fn close(self) {
        self.store.close(Duration::from_secs(600)).unwrap();
    }
}

fn room(number: u64) -> RoomId {
    RoomId([number as u8; 32])
}

fn message(number: u64, dice: &mut StdRng) -> Write {
    let words: Vec<&str> = if number.is_multiple_of(2) {
        (0..14).map(|_| ENGLISH[dice.random_range(0..ENGLISH.len())]).collect()
    } else {
        (0..8).map(|_| JAPANESE[dice.random_range(0..JAPANESE.len())]).collect()
    };
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    Write::Message(StoredMessage {
        room: room(number % ROOMS),
        sender: Fingerprint::from_bytes([(number % 7) as u8; 32]),
        id: MessageId(id),
        content: Content::text(words.join(if number.is_multiple_of(2) { " " } else { "" })),
        sent_ms: number,
        got_ms: number,
        own: None,
    })
}

fn search(text: &str, of: Option<RoomId>) -> Question {
    Question::Search(Search { room: of, ..Search::new(Private::new(text.to_owned())) })
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn timed(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn store(criterion: &mut Criterion) {
    let count = std::env::var("STORE_MESSAGES").ok().and_then(|text| text.parse().ok()).unwrap_or(MESSAGES);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store/a.db");
    let (mut dice, mut next) = (StdRng::seed_from_u64(1), count);
    let asked = Asked::open(&path);
    let rooms = (0..ROOMS).map(|number| Write::Room {
        room: room(number),
        title: "Friday".to_owned(),
        suite: Suite::Hybrid,
        entered_ms: 1,
    });
    let filled = timed(|| asked.write(rooms.chain((0..count).map(|number| message(number, &mut dice)))));
    asked.close();
    let bytes = std::fs::metadata(&path).unwrap().len();
    println!(
        "{count} messages in {filled:.1?}, {:.0}/s; {} bytes each",
        count as f64 / filled.as_secs_f64(),
        bytes / count
    );

    let mut group = criterion.benchmark_group("store");
    group.sample_size(20);
    group.bench_function("open and close", |bencher| bencher.iter(|| Asked::open(&path).close()));
    let asked = Asked::open(&path);
    group.bench_function("rooms", |bencher| bencher.iter(|| asked.ask(Question::Rooms)));
    let mut pages = StdRng::seed_from_u64(2);
    group.bench_function(BenchmarkId::new("page", PAGE), |bencher| {
        bencher.iter(|| {
            let (of, from) = (room(pages.random_range(0..ROOMS)), pages.random_range(0..count / ROOMS - 100));
            asked.ask(Question::Page { room: of, from, count: PAGE })
        });
    });
    for text in ["the", "kernel certificate", "certif", "会議", "設定", "xylophone"] {
        let id = BenchmarkId::new("search", text);
        group.bench_with_input(id, text, |bencher, text| bencher.iter(|| asked.ask(search(text, None))));
        let id = BenchmarkId::new("search in a room", text);
        group.bench_with_input(id, text, |bencher, text| bencher.iter(|| asked.ask(search(text, Some(room(3))))));
    }
    let mut medians = Vec::new();
    for batch in BATCHES {
        let mut commit = || {
            let writes: Vec<Write> = (next..next + batch).map(|number| message(number, &mut dice)).collect();
            next += batch;
            timed(|| asked.write(writes.into_iter()))
        };
        medians.push(median((0..ROUNDS).map(|_| commit()).collect()));
    }
    let page = median((0..ROUNDS).map(|_| timed(|| _ = asked.ask(search("会議", None)))).collect());
    for (batch, time) in BATCHES.iter().zip(&medians) {
        let each = time.as_secs_f64() / *batch as f64;
        println!(
            "{batch} rows handed in together: {time:.2?}; a row {:.3} of one alone",
            each / medians[0].as_secs_f64()
        );
    }
    println!("a search for 会議: {:.2} of a write of one row", page.as_secs_f64() / medians[0].as_secs_f64());
    group.finish();
    let keep = (0..ROOMS).map(|number| Write::KeepDays { room: room(number), days: Some(1) });
    asked.write(keep);
    let day_ms = 24 * 3_600_000;
    let swept = timed(|| {
        asked.store.write(Write::Sweep { now_ms: count / 20 + day_ms }).unwrap();
        while !matches!(asked.news.recv().unwrap(), News::Erased { .. }) {}
    });
    println!("{} messages erased in {swept:.2?}, with the file written anew if it is not too large", count / 20);
    asked.close();
}

criterion_group!(benches, store);
criterion_main!(benches);
