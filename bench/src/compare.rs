//! `bench compare`: Gantry, Apache RocketMQ and the bare echo in turns, with one generator.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use hdrhistogram::Histogram;
use protocol::Serialization;
use tokio::time::sleep;

use crate::{
    cost, doc,
    error::BenchError,
    jars,
    load::{self, Load, Pace, Work},
    machine, page,
    peers::{Peer, Server, Site, Who},
    program::{self, Watch},
    results::{Measured, QUANTILES, Results, Turn},
    rows::{BACKLOG_PER_QUEUE, Doing, Metric, ROWS, Row, Stand},
    table,
};

/// How to compare.
#[derive(Args)]
pub(crate) struct Compare {
    /// Rows to measure; all if none is given.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// How often every side gets its turn.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds of each turn, after a warm-up of a quarter as long.
    #[arg(long, default_value_t = 8)]
    seconds: u32,
    /// Two rounds of two seconds: to try it, not to quote it.
    #[arg(long, conflicts_with_all = ["rounds", "seconds"])]
    quick: bool,
    /// `java`, `none`, or the address of a broker that runs already.
    #[arg(long, default_value = "java")]
    peer: String,
    /// Where servers write, on the disk that is to be measured.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Where `broker` and `namesrv` lie; if not given they are built and lie beside this program.
    #[arg(long)]
    bin: Option<PathBuf>,
    /// A store larger than this is thrown away between turns, and its broker started anew.
    #[arg(long, default_value_t = 8)]
    store_gib: u64,
    /// Write everything as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write a page with plots.
    #[arg(long)]
    page: Option<PathBuf>,
    /// Put the table between the marks of this Markdown file.
    #[arg(long)]
    doc: Option<PathBuf>,
}

/// Removes what servers wrote when it goes out of scope.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(cause) = fs::remove_dir_all(&self.0) {
            eprintln!("bench: {} stays: {cause}", self.0.display());
        }
    }
}

/// Measures, prints, and writes what was asked for.
pub(crate) async fn run(mut asked: Compare) -> Result<(), BenchError> {
    if asked.quick {
        (asked.rounds, asked.seconds) = (2, 2);
    }
    let rows = chosen(&asked.only)?;
    let (binaries, cache) = binaries(asked.bin.clone()).await?;
    let mut missing: Vec<String> = Vec::new();
    let peer = find_peer(&asked.peer, &cache, &mut missing).await;
    let parent = asked.dir.clone().unwrap_or_else(std::env::temp_dir);
    let scratch = Scratch(parent.join(format!("gantry-bench-{}", std::process::id())));
    fs::create_dir_all(&scratch.0)?;
    let mut facts = machine::describe(&scratch.0).await;
    facts["rounds"] = asked.rounds.into();
    facts["seconds"] = asked.seconds.into();
    facts["warm_up_seconds"] = asked.warm_up().as_secs_f64().into();
    facts["java"] = match &peer {
        Peer::Java(jars) => jars.java.clone().into(),
        Peer::Address(..) | Peer::None => "no Java started".into(),
    };
    let name = match &peer {
        Peer::Java(_) => format!("Java {}", jars::VERSION),
        Peer::Address(address) => address.to_string(),
        Peer::None => "no peer".to_owned(),
    };
    println!("load averages before: {}", machine::load());
    let mut results = Results {
        facts,
        peer: name,
        load_before: machine::load(),
        load_after: String::new(),
        rows: Vec::new(),
        missing,
    };
    let site = Site { directory: scratch.0.clone(), binaries, peer, watch: Watch::start()? };
    measure(&asked, &site, &rows, &mut results).await?;
    results.load_after = machine::load();
    let table = table::text(&results);
    println!("\n{table}");
    if let Some(file) = &asked.json {
        fs::write(file, format!("{:#}\n", results.json()))?;
    }
    if let Some(file) = &asked.page {
        fs::write(file, page::page(&results))?;
    }
    if let Some(file) = &asked.doc {
        doc::write(file, &table)?;
    }
    Ok(())
}

fn chosen(only: &[String]) -> Result<Vec<&'static Row>, BenchError> {
    let known = |name: &String| ROWS.iter().any(|row| row.name == *name);
    if let Some(name) = only.iter().find(|name| !known(name)) {
        let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        return Err(BenchError::UnknownRow(name.clone(), names.join(", ")));
    }
    let asked = |row: &&Row| only.is_empty() || only.iter().any(|name| name == row.name);
    Ok(ROWS.iter().filter(asked).collect())
}

/// Where our servers lie, freshly built if cargo started us; and where jars are kept.
async fn binaries(given: Option<PathBuf>) -> Result<(PathBuf, PathBuf), BenchError> {
    let own = std::env::current_exe()?;
    let beside = own.parent().unwrap_or(Path::new(".")).to_owned();
    let target = beside.parent().unwrap_or(&beside).to_owned();
    if given.is_none()
        && let Ok(cargo) = std::env::var("CARGO")
    {
        println!("building broker and namesrv");
        let place = target.display().to_string();
        let build = ["build", "-q", "--release", "-p", "broker", "-p", "namesrv", "--target-dir"];
        program::run(&cargo, &[&build[..], &[&place]].concat()).await?;
        return Ok((target.join("release"), target));
    }
    Ok((given.unwrap_or(beside), target))
}

/// The peer that was asked for, or none and why.
async fn find_peer(asked: &str, cache: &Path, missing: &mut Vec<String>) -> Peer {
    match asked {
        "none" => Peer::None,
        "java" => match jars::find(cache).await {
            Ok(jars) => Peer::Java(jars),
            Err(cause) => {
                missing.push(format!("Apache RocketMQ {}: {cause}", jars::VERSION));
                Peer::None
            }
        },
        address => match address.parse::<SocketAddr>() {
            Ok(address) => Peer::Address(address),
            Err(cause) => {
                missing.push(format!("the peer `{address}`: {cause}"));
                Peer::None
            }
        },
    }
}

impl Compare {
    fn warm_up(&self) -> Duration {
        Duration::from_millis(250) * self.seconds
    }

    fn measured(&self) -> Duration {
        Duration::from_secs(1) * self.seconds
    }
}

/// All rows, those that share servers together.
async fn measure(
    asked: &Compare,
    site: &Site,
    rows: &[&'static Row],
    results: &mut Results,
) -> Result<(), BenchError> {
    for flush in ["ASYNC_FLUSH", "SYNC_FLUSH"] {
        let rows: Vec<_> =
            rows.iter().copied().filter(|row| row.stand == Stand::Staying(flush)).collect();
        if rows.is_empty() {
            continue;
        }
        let mut staying = Staying { asked, site, flush, servers: BTreeMap::new() };
        for who in site.sides(true) {
            if let Err(cause) = staying.start(who).await {
                let name = results.name(who);
                results.missing.push(format!("{name} with {flush}: {cause}"));
            }
        }
        for row in rows {
            let measured = staying.measure(row).await?;
            say(&measured, results);
            results.rows.push(measured);
        }
        for server in staying.servers.into_values() {
            server.end().await?;
        }
    }
    let fresh: Vec<_> = rows.iter().copied().filter(|row| row.stand == Stand::Fresh).collect();
    for measured in fresh_rows(asked, site, &fresh).await {
        say(&measured, results);
        results.rows.push(measured);
    }
    Ok(())
}

/// A line per row as soon as it is there: a whole run takes a while.
fn say(measured: &Measured, results: &Results) {
    let Some(metric) = measured.metrics().first().copied() else { return };
    let mut line = format!("{}: {}", measured.row.name, metric.name());
    for who in measured.turns.keys() {
        if let Some(spread) = measured.spread(*who, metric) {
            line.push_str(&format!("  {} {}", results.name(*who), table::told(metric, spread)));
        }
    }
    println!("{line}");
}

impl Site {
    /// Who takes part.
    fn sides(&self, with_echo: bool) -> Vec<Who> {
        let mut sides = vec![Who::Gantry];
        if !matches!(self.peer, Peer::None) {
            sides.push(Who::Peer);
        }
        if with_echo {
            sides.push(Who::Echo);
        }
        sides
    }
}

/// Servers that stay for several rows.
struct Staying<'a> {
    asked: &'a Compare,
    site: &'a Site,
    flush: &'static str,
    servers: BTreeMap<Who, Server>,
}

impl Staying<'_> {
    /// Starts a side and runs it in, which Java needs, then takes it off the processors.
    async fn start(&mut self, who: Who) -> Result<(), BenchError> {
        let server = self.site.start(who, self.flush).await?;
        let seconds = match (who, &self.site.peer) {
            // Java compiles for long: after four seconds a send still costs it twice what it does
            // after sixty, which would flatter us.
            (Who::Peer, Peer::Java(_)) => 8 * self.asked.seconds,
            _ => 2,
        };
        let doing = (Work::Send(1024), Pace::InFlight(16), 64, Serialization::Json);
        let mut load = load_of(&server, doing, "bench");
        load.warm_up = Duration::ZERO;
        load.measure = Duration::from_secs(1) * seconds;
        load::run(&load).await?;
        server.pause().await?;
        self.servers.insert(who, server);
        Ok(())
    }

    async fn measure(&mut self, row: &'static Row) -> Result<Measured, BenchError> {
        let mut measured =
            Measured { row, turns: BTreeMap::new(), curves: BTreeMap::new(), troubles: Vec::new() };
        let Doing::Load(work, pace, connections, serialization) = &row.doing else {
            return Ok(measured);
        };
        let is_pull = matches!(work, Work::Pull(..));
        if is_pull {
            measured.troubles.push("the echo has nothing to pull".to_owned());
        }
        let mut all: BTreeMap<Who, Histogram<u64>> = BTreeMap::new();
        for _ in 0..self.asked.rounds {
            for who in self.site.sides(!is_pull) {
                if !self.servers.contains_key(&who) {
                    continue;
                }
                let doing = (work.clone(), *pace, *connections, *serialization);
                match self.turn(who, doing).await? {
                    Ok((turn, latencies)) => {
                        measured.turns.entry(who).or_default().push(turn);
                        let sum =
                            all.entry(who).or_insert_with(|| load::Tally::default().latencies);
                        sum.add(&latencies).unwrap_or_default();
                    }
                    Err(cause) => measured.troubles.push(format!("{who:?}: {cause}")),
                }
            }
        }
        for (who, latencies) in all {
            let at = |quantile: &f64| latencies.value_at_quantile(*quantile);
            measured.curves.insert(who, QUANTILES.iter().map(at).collect());
        }
        Ok(measured)
    }

    /// One side, while the others stand still. The inner error is the side's own failure.
    async fn turn(
        &mut self,
        who: Who,
        doing: (Work, Pace, u32, Serialization),
    ) -> Result<Result<(Turn, Histogram<u64>), BenchError>, BenchError> {
        if self.is_full(who)
            && let Some(server) = self.servers.remove(&who)
        {
            server.end().await?;
            if let Err(cause) = self.start(who).await {
                return Ok(Err(cause));
            }
        }
        let Some(server) = self.servers.get_mut(&who) else {
            return Ok(Err(BenchError::Program("it is not running".to_owned())));
        };
        // What others have written is on the disk before anyone is measured.
        let place = self.site.directory.display().to_string();
        program::run("sync", &["-f", &place]).await?;
        server.resume().await?;
        let is_pull = matches!(doing.0, Work::Pull(..));
        if is_pull && !server.has_backlog {
            if let Err(cause) = fill(server).await {
                server.pause().await?;
                return Ok(Err(cause));
            }
            server.has_backlog = true;
        }
        let mut load = load_of(server, doing, if is_pull { "backlog" } else { "bench" });
        (load.warm_up, load.measure) = (self.asked.warm_up(), self.asked.measured());
        let measured = load::run(&load).await;
        server.pause().await?;
        Ok(measured.map(|measured| (turn_of(&measured), measured.tally.latencies)))
    }

    fn is_full(&self, who: Who) -> bool {
        let directory = self.servers.get(&who).and_then(|server| server.directory.as_deref());
        directory.is_some_and(|place| self.asked.store_gib << 30 < machine::bytes_below(place))
    }
}

fn load_of(server: &Server, doing: (Work, Pace, u32, Serialization), topic: &str) -> Load {
    let (work, pace, connections, serialization) = doing;
    Load {
        broker: server.broker,
        topic: topic.to_owned(),
        work,
        pace,
        connections,
        serialization,
        warm_up: Duration::ZERO,
        measure: Duration::from_secs(1),
        pid: server.pid,
    }
}

/// Writes the backlog; a tenth more, because queues do not fill quite evenly.
async fn fill(server: &Server) -> Result<(), BenchError> {
    let wanted = u64::try_from(BACKLOG_PER_QUEUE).unwrap_or(0) * 44 / 10;
    let doing = (Work::Send(1024), Pace::InFlight(16), 64, Serialization::Json);
    let load = load_of(server, doing, "backlog");
    let mut there = 0;
    while there < wanted {
        there += load::run(&load).await?.tally.messages;
    }
    Ok(())
}

fn turn_of(measured: &load::Measured) -> Turn {
    let tally = &measured.tally;
    let at = |quantile: f64| tally.latencies.value_at_quantile(quantile) as f64;
    let mut turn = Turn::from([
        (Metric::Rate, tally.messages as f64 / measured.seconds),
        (Metric::P50, at(0.5)),
        (Metric::P99, at(0.99)),
        (Metric::P999, at(0.999)),
        (Metric::Refused, tally.refused as f64),
        (Metric::ForeignCores, measured.foreign_cores),
    ]);
    if let Some((cpu_s, broker)) = measured.broker {
        turn.insert(Metric::CpuPerMessage, cpu_s * 1e6 / tally.messages.max(1) as f64);
        turn.insert(Metric::Private, broker.private_bytes as f64);
        turn.insert(Metric::Resident, broker.resident_bytes as f64);
    }
    turn
}

/// Start, idle and stop of the same broker, in every round anew.
async fn fresh_rows(asked: &Compare, site: &Site, rows: &[&'static Row]) -> Vec<Measured> {
    let mut all: Vec<Measured> = Vec::new();
    for row in rows {
        let troubles = match site.peer {
            Peer::Address(_) => vec!["the peer is not ours to start, watch or stop".to_owned()],
            Peer::Java(_) | Peer::None => Vec::new(),
        };
        all.push(Measured { row, turns: BTreeMap::new(), curves: BTreeMap::new(), troubles });
    }
    let sides = site.sides(false).into_iter();
    let sides: Vec<Who> =
        sides.filter(|who| *who == Who::Gantry || matches!(site.peer, Peer::Java(_))).collect();
    for _ in 0..if rows.is_empty() { 0 } else { asked.rounds } {
        for who in &sides {
            let lived = match live(asked, site, *who, rows).await {
                Ok(lived) => lived,
                Err(cause) => {
                    all.iter_mut().for_each(|row| row.troubles.push(format!("{who:?}: {cause}")));
                    continue;
                }
            };
            for (measured, turn) in all.iter_mut().zip(lived) {
                measured.turns.entry(*who).or_default().push(turn);
            }
        }
    }
    all
}

/// One broker from its start to its end: a turn for each of the rows.
async fn live(
    asked: &Compare,
    site: &Site,
    who: Who,
    rows: &[&'static Row],
) -> Result<Vec<Turn>, BenchError> {
    let wanted = |what: fn(&Doing) -> bool| rows.iter().any(|row| what(&row.doing));
    let server = site.start(who, "ASYNC_FLUSH").await?;
    let started = Turn::from([(Metric::Time, server.started_within.as_secs_f64())]);
    let mut idled = Turn::new();
    if wanted(|doing| matches!(doing, Doing::Idle)) {
        idled = idle(&server, asked.measured()).await?;
    }
    let mut stopped = Turn::new();
    if wanted(|doing| matches!(doing, Doing::Stop)) {
        stopped.insert(Metric::Time, server.stop().await?.as_secs_f64());
    } else {
        server.end().await?;
    }
    let turn = |row: &&Row| match row.doing {
        Doing::Start => started.clone(),
        Doing::Idle => idled.clone(),
        Doing::Stop => stopped.clone(),
        Doing::Load(..) => Turn::new(),
    };
    Ok(rows.iter().map(turn).collect())
}

/// Looks at a broker that has nothing to do, once what it does after a start is over.
async fn idle(server: &Server, watched: Duration) -> Result<Turn, BenchError> {
    sleep(Duration::from_secs(15)).await;
    let pid = server.pid.unwrap_or_default();
    let before = cost::threads_cpu_s(pid)?;
    let watched = watched.max(Duration::from_secs(5));
    sleep(watched).await;
    let busy_s = cost::threads_cpu_s(pid)? - before;
    let cost = cost::of(pid)?;
    Ok(Turn::from([
        (Metric::IdleCores, busy_s / watched.as_secs_f64()),
        (Metric::Threads, cost.threads as f64),
        (Metric::Private, cost.private_bytes as f64),
        (Metric::Resident, cost.resident_bytes as f64),
    ]))
}
