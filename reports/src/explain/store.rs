//! What happened to servers and their stores, in words.

use checkers::{History, Moment, Pointer};

use super::{
    concern::Concern,
    events::{Event, FAR, NEAR, OFTEN, POINTED, STRUCK, has_queue, name, near, push},
};

pub(super) fn faults(events: &mut Vec<Event>, history: &History, concern: &Concern) {
    for (at, fault) in history.faults.iter().enumerate() {
        let is_near = fault.nodes.iter().any(|node| concern.nodes.contains(node));
        let weight = match () {
            () if concern.points_at(Pointer::Fault(at)) => POINTED,
            () if is_near && (fault.kind.hit().is_some() || fault.kind.is_of_disk()) => STRUCK,
            () if is_near => NEAR,
            () => FAR,
        };
        let until = match fault.until {
            Some(until) if fault.at < until => format!(" (until {until})"),
            _ => String::new(),
        };
        push(events, fault.at, weight, format!("{}{until}", fault.words));
    }
    if let Some(healed) = history.healed {
        push(events, healed, OFTEN, "everything is healed".to_owned());
    }
    if let Some(drained) = history.drained {
        push(events, drained, OFTEN, "everything is consumed".to_owned());
    }
}

pub(super) fn starts(events: &mut Vec<Event>, history: &History, concern: &Concern) {
    for (at, boot) in history.boots.iter().enumerate() {
        let is_pointed = concern.points_at(Pointer::Boot(at));
        let weight = |weight| if is_pointed { POINTED } else { near(concern, boot.node, weight) };
        let node = history.node_name(boot.node);
        if boot.first {
            push(events, boot.at, weight(OFTEN), format!("{node} starts for the first time"));
        } else {
            push(events, boot.at, weight(NEAR), format!("{node} starts again"));
        }
        if let Some(why) = &boot.refused {
            push(events, boot.at, weight(STRUCK), format!("{node} refuses to start: {why}"));
        }
        if let Some(gave_up) = boot.gave_up {
            push(events, gave_up, weight(STRUCK), format!("{node} ends by itself"));
        }
    }
}

/// What stores lost and found.
pub(super) fn stores(events: &mut Vec<Event>, history: &History, concern: &Concern) {
    for one in &history.recoveries {
        let node = history.node_name(one.node);
        let after = if one.clean { "a proper stop" } else { "a crash" };
        let (to, bytes) = (one.recovered_to, one.valid_to);
        let valid = match bytes {
            Some(valid) if valid != to => format!(", though valid records reach to {valid}"),
            _ => String::new(),
        };
        let words = format!("{node} recovers after {after}: its log ends at {to}{valid}");
        push(events, one.at, near(concern, one.node, STRUCK), words);
    }
    for one in &history.segments_gone {
        let mut records = one.records.iter();
        let has_message =
            records.any(|record| record.message.is_some_and(|id| concern.messages.contains(&id.0)));
        let weight = if has_message { STRUCK } else { near(concern, one.node, OFTEN) };
        let (node, first) = (history.node_name(one.node), one.first);
        let what = if has_message { ", with the message" } else { "" };
        push(events, one.at, weight, format!("{node} deletes the segment at {first}{what}"));
    }
}

/// What was found at the end.
pub(super) fn audit(events: &mut Vec<Event>, history: &History, concern: &Concern) {
    for end in &history.queue_ends {
        let queue = history.queue_words(end.queue);
        let mut found = false;
        for record in end.records.iter().filter(|record| concern.has_message(&record.content)) {
            let words = format!(
                "the audit finds {} in {queue} at offset {}",
                name(&record.content),
                record.offset
            );
            push(events, history.ended, STRUCK, words);
            found = true;
        }
        if !found && has_queue(concern, end.queue) {
            let (min, max) = (end.min, end.max);
            let what = if concern.messages.is_empty() { "" } else { ", without the message" };
            let words = format!("the audit reads {queue} from {min} to {max}{what}");
            push(events, history.ended, STRUCK, words);
        }
    }
    for end in history.group_ends.iter().filter(|end| concern.has(end.group, end.queue)) {
        let committed = end.committed.map_or_else(|| "nothing".to_owned(), |at| at.to_string());
        let (group, queue) = (history.group_name(end.group), history.queue_words(end.queue));
        let words =
            format!("the audit: {group} has committed {committed} of {} in {queue}", end.max);
        push(events, Moment(history.ended.0), STRUCK, words);
    }
}
