//! GET_BROKER_RUNTIME_INFO: what `mqadmin brokerStatus` and `clusterList` show.
//!
//! The keys are RocketMQ's. Thread pools and their queues do not exist here: requests are answered
//! by the task that read them, so nothing ever waits in one.

use std::collections::BTreeMap;

use protocol::{OUR_VERSION, Text, body::KeyValueTable, code::version_name, names};
use runtime::Now;

use super::with_body;
use crate::{
    broker::Broker,
    event::Effect,
    requests::{Asked, Refusal, Reply},
    stats::{Meter, Window},
};

/// GET_BROKER_RUNTIME_INFO.
pub(crate) fn get(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let mut table = BTreeMap::new();
    pools(broker, &mut table);
    put(broker, &mut table);
    got(broker, &mut table);
    log(broker, &mut table);
    delays(broker, &mut table);
    life(broker, asked.now, &mut table);
    Ok(with_body(asked, KeyValueTable { table }.to_json()))
}

type Table = BTreeMap<Text, Text>;

fn set(table: &mut Table, key: &'static str, value: impl ToString) {
    table.insert(Text::from_static(key), Text::from(value.to_string()));
}

/// Pools and queues, all of them empty.
fn pools(broker: &Broker, table: &mut Table) {
    let configured = broker.config.properties();
    for (key, property) in [
        ("sendThreadPoolQueueCapacity", "sendThreadPoolQueueCapacity"),
        ("pullThreadPoolQueueCapacity", "pullThreadPoolQueueCapacity"),
        ("litePullThreadPoolQueueCapacity", "litePullThreadPoolQueueCapacity"),
        ("queryThreadPoolQueueCapacity", "queryThreadPoolQueueCapacity"),
        ("ackThreadPoolQueueCapacity", "ackThreadPoolQueueCapacity"),
        ("EndTransactionThreadPoolQueueCapacity", "endTransactionPoolQueueCapacity"),
    ] {
        set(table, key, configured.get(property).map_or("0", String::as_str));
    }
    for key in [
        "sendThreadPoolQueueSize",
        "pullThreadPoolQueueSize",
        "litePullThreadPoolQueueSize",
        "queryThreadPoolQueueSize",
        "ackThreadPoolQueueSize",
        "EndTransactionQueueSize",
        "sendThreadPoolQueueHeadWaitTimeMills",
        "pullThreadPoolQueueHeadWaitTimeMills",
        "litePullThreadPoolQueueHeadWaitTimeMills",
        "queryThreadPoolQueueHeadWaitTimeMills",
        "ackThreadPoolQueueHeadWaitTimeMills",
        "pageCacheLockTimeMills",
        "dispatchMaxBuffer",
        "dispatchBehindBytes",
        "timerReadBehind",
        "timerOffsetBehind",
        "timerCongestNum",
    ] {
        set(table, key, 0);
    }
    set(table, "timerEnqueueTps", "0.0");
    set(table, "timerDequeueTps", "0.0");
    set(table, "remainTransientStoreBufferNumbs", i32::MAX);
}

/// A rate over a minute, an hour and a day, as far as there was time for them.
fn rates(meter: &Meter) -> String {
    [Window::Minute, Window::Hour, Window::Day]
        .map(|window| format!("{} ", meter.rate(window).per_second))
        .concat()
}

fn put(broker: &Broker, table: &mut Table) {
    let totals = &broker.stats.totals;
    let messages = totals.put.total();
    set(table, "putTps", rates(&totals.put));
    set(table, "putMessageTimesTotal", messages);
    set(table, "putMessageSizeTotal", totals.put_bytes);
    set(table, "putMessageFailedTimes", totals.put_failed);
    #[expect(clippy::cast_precision_loss, reason = "an average for people to look at")]
    let average = if messages == 0 { 0.0 } else { totals.put_bytes as f64 / messages as f64 };
    set(table, "putMessageAverageSize", average);
    set(table, "putMessageEntireTimeMax", 0);
    set(table, "putMessageDistributeTime", distribution(messages));
    set(table, "putLatency99", "0.00");
    set(table, "putLatency999", "0.00");
    set(table, "msgPutTotalTodayNow", totals.user_put);
    for key in ["msgPutTotalTodayMorning", "msgPutTotalYesterdayMorning"] {
        set(table, key, 0);
    }
}

/// How long appends took. They are writes to memory: all of them less than a millisecond.
fn distribution(messages: u64) -> String {
    const LONGER: [&str; 12] = [
        "0~10ms",
        "10~50ms",
        "50~100ms",
        "100~200ms",
        "200~500ms",
        "500ms~1s",
        "1~2s",
        "2~3s",
        "3~4s",
        "4~5s",
        "5~10s",
        "10s~",
    ];
    let longer: String = LONGER.iter().map(|span| format!("[{span}]:0 ")).collect();
    format!("[<=0ms]:{messages} {longer}")
}

fn got(broker: &Broker, table: &mut Table) {
    let totals = &broker.stats.totals;
    set(table, "getFoundTps", rates(&totals.found));
    set(table, "getMissTps", rates(&totals.missed));
    set(table, "getTransferredTps", rates(&totals.transferred));
    let per_second = |meter: &Meter| meter.rate(Window::Minute).per_second;
    set(
        table,
        "getTotalTps",
        format!("{} ", per_second(&totals.found) + per_second(&totals.missed)),
    );
    set(table, "getMessageEntireTimeMax", 0);
    set(table, "msgGetTotalTodayNow", totals.user_got);
    for key in ["msgGetTotalTodayMorning", "msgGetTotalYesterdayMorning"] {
        set(table, key, 0);
    }
}

fn log(broker: &Broker, table: &mut Table) {
    let extent = broker.store.extent();
    set(table, "commitLogMinOffset", extent.start);
    set(table, "commitLogMaxOffset", extent.end);
    set(table, "remainHowManyDataToFlush", readable(extent.end.saturating_sub(extent.durable)));
    let earliest = broker.store.log_start_time().ok().flatten().unwrap_or(-1);
    set(table, "earliestMessageTimeStamp", earliest);
    let ratio = format!("{:.2}", f64::from(broker.store.disk_used_percent()) / 100.0);
    set(table, "commitLogDiskRatio", &ratio);
    set(table, "consumeQueueDiskRatio", &ratio);
    let path = broker.config.store_commit_log.display().to_string();
    table.insert(Text::from(format!("commitLogDiskRatio_{path}")), Text::from(ratio));
    if let Some(usage) = broker.disk_usage {
        let (total, free) = (readable(usage.total_bytes), readable(usage.free_bytes));
        set(table, "commitLogDirCapacity", format!("Total : {total}, Free : {free}."));
    }
}

fn delays(broker: &Broker, table: &mut Table) {
    for (level, next) in broker.delay.progress() {
        let max = broker.store.max_offset(names::SCHEDULE_TOPIC, level - 1);
        let key = Text::from(format!("scheduleMessageOffset_{level}"));
        table.insert(key, Text::from(format!("{next},{max}")));
    }
}

fn life(broker: &Broker, now: Now, table: &mut Table) {
    set(table, "brokerActive", !broker.is_stopping);
    set(table, "brokerVersionDesc", version_name(OUR_VERSION));
    set(table, "bootTimestamp", broker.started.wall_ms);
    set(table, "startAcceptSendRequestTimeStamp", broker.config.accept_send_after_ms);
    let seconds = broker.uptime(now.monotonic).as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    let runtime = format!("[ {days} days, {hours} hours, {minutes} minutes, {seconds} seconds ]");
    set(table, "runtime", runtime);
}

/// `5.2 KiB`.
fn readable(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "a size for people to look at")]
    let mut scaled = bytes as f64 / 1024.0;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if scaled < 1024.0 {
            break;
        }
        scaled /= 1024.0;
        unit = next;
    }
    format!("{scaled:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_readable() {
        let shown = [0, 1023, 1024, 5_325, 270_582_939_648].map(readable);
        assert_eq!(
            ["0 B", "1023 B", "1.0 KiB", "5.2 KiB", "252.0 GiB"],
            shown.each_ref().map(String::as_str)
        );
    }
}
