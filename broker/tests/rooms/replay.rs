//! The core is a function of what happens to it: told the same again, it wants the same again.

use std::time::Duration;

use protocol::RequestCode;
use runtime::memory::MemoryDisk;

use crate::{
    room::{CONSUMER, Happening, OPERATOR, OTHER, PRODUCER, Room, start_of_day},
    words::{asking, heartbeat, message, pull, send_back, waiting_pull},
};

/// A life with a bit of everything in it, in an order that a number decides.
fn live(room: &mut Room, mut chance: u64) {
    room.topic("orders", 2);
    for step in 0..300 {
        // Knuth's multiplier: any fixed sequence would do.
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
        let body = format!("m{step}");
        let offset = i64::try_from(chance >> 60).unwrap();
        match chance >> 33 & 15 {
            0 => drop(room.ask(PRODUCER, message("orders", -1, &body, ""))),
            1 => drop(room.ask(PRODUCER, message("orders", 0, &body, "DELAY\u{1}1\u{2}"))),
            2 => drop(room.ask(PRODUCER, message(&format!("t{}", chance >> 61), 0, &body, ""))),
            3 => drop(room.ask(CONSUMER, pull("g", "orders", 0, offset))),
            4 => drop(room.ask(CONSUMER, waiting_pull("g", "orders", offset, "*"))),
            5 => drop(room.join(CONSUMER, "c1", "g", &["orders"])),
            6 => drop(room.join(OTHER, "c2", "g", &["orders"])),
            7 => drop(room.ask(CONSUMER, send_back("g", 0, 1))),
            8 => drop(room.pass(Duration::from_millis(100 * (chance >> 58)))),
            9 => drop(room.save()),
            10 => drop(room.sync()),
            11 => {
                room.happen(Happening::Closed(OTHER));
                room.happen(Happening::Opened(OTHER));
            }
            12 => {
                let together = (0..4).map(|n| message("orders", 1, &format!("b{n}"), "")).collect();
                room.happen(Happening::AskedTogether(PRODUCER, together));
            }
            13 => drop(room.happen(Happening::Joined(0))),
            14 => {
                let command = asking(RequestCode::GET_BROKER_RUNTIME_INFO, &[]);
                room.ask(OPERATOR, command);
            }
            _ => drop(room.ask(OTHER, heartbeat("c3", "h", &["orders", "t1"]))),
        }
    }
    room.happen(Happening::Stopping);
}

#[test]
fn told_the_same_again_the_core_wants_the_same_again() {
    for seed in 1..=5 {
        for begin in [Room::new, Room::syncing] {
            let mut first = begin();
            live(&mut first, seed);
            let mut again = Room::on(MemoryDisk::new(), first.config().clone(), start_of_day());
            again.relive(&first.past);
            assert_eq!(first.wishes.len(), again.wishes.len());
            for (place, (wished, wishes)) in first.wishes.iter().zip(&again.wishes).enumerate() {
                assert_eq!(wished, wishes, "seed {seed}, after {:?}", first.past[place]);
            }
            assert_eq!(first.files(), again.files());
        }
    }
}
