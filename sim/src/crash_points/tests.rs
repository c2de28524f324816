use super::*;

const SMALL: Options = Options { operations: 40, full_at: 4, interrupt_every: 100, tears: 0 };

#[test]
fn every_state_of_a_short_script_is_recovered_and_the_second_time_gives_the_same() {
    let tally = explore(1, SMALL, &mut |_| {});
    assert_eq!(tally.findings, 0, "{:#?}", tally.told);
    assert!(1000 < tally.distinct, "only {} states", tally.distinct);
    assert!(0 < tally.in_recovery && tally.distinct < tally.states, "{tally:?}");
}

#[test]
fn equal_seeds_try_the_same_states() {
    let few = Options { operations: 8, full_at: 3, ..SMALL };
    let (one, other) = (explore(3, few, &mut |_| {}), explore(3, few, &mut |_| {}));
    assert_eq!((one.hash, one.states, one.distinct), (other.hash, other.states, other.distinct));
    assert_ne!(one.hash, explore(4, few, &mut |_| {}).hash);
}
