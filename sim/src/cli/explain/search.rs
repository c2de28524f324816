//! Where the futures turn hopeless: a search that does not take for granted that they do so once.

use std::collections::BTreeMap;

/// Moments behind the one that was found which must be as hopeless.
const CHECKED: usize = 4;

/// After so many reliefs behind what was found, the search settles for the last crossing it knows.
const ROUNDS_MAX: usize = 4;

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// How many futures failed, by the place of the moment; the last place always among them.
    pub(super) known: BTreeMap<usize, u64>,
    /// The earliest place from which on every place looked at is hopeless.
    pub(super) point: usize,
}

/// Looks among `count` places for the first from which on at least `bound` of `all` futures fail.
///
/// All landmarks are looked at; then the last crossing among them is narrowed down to one place;
/// then places behind it are looked at, and if one is not hopeless the search goes on behind that.
/// At the last place all have failed: it is the end.
pub(super) fn search<E>(
    count: usize,
    all: u64,
    bound: u64,
    landmarks: &[usize],
    probe: &mut impl FnMut(usize) -> Result<u64, E>,
) -> Result<Found, E> {
    let last = count.saturating_sub(1);
    let mut known = BTreeMap::from([(last, all)]);
    for place in landmarks {
        look(&mut known, *place, probe)?;
    }
    let mut point = crossing(&mut known, bound, probe)?;
    for _ in 0..ROUNDS_MAX {
        let step = last.saturating_sub(point) / (CHECKED + 1);
        let mut is_hopeless = true;
        for check in 1..=CHECKED {
            is_hopeless &= bound <= look(&mut known, point + step * check, probe)?;
        }
        if is_hopeless {
            break;
        }
        point = crossing(&mut known, bound, probe)?;
    }
    Ok(Found { known, point })
}

fn look<E>(
    known: &mut BTreeMap<usize, u64>,
    place: usize,
    probe: &mut impl FnMut(usize) -> Result<u64, E>,
) -> Result<u64, E> {
    if let Some(failed) = known.get(&place) {
        return Ok(*failed);
    }
    let failed = probe(place)?;
    known.insert(place, failed);
    Ok(failed)
}

/// The place behind the last one that is known not to be hopeless, narrowed down.
fn crossing<E>(
    known: &mut BTreeMap<usize, u64>,
    bound: u64,
    probe: &mut impl FnMut(usize) -> Result<u64, E>,
) -> Result<usize, E> {
    loop {
        let hope = known.iter().rev().find(|(_, failed)| **failed < bound);
        let Some((hope, _)) = hope else {
            return Ok(known.keys().next().copied().unwrap_or(0));
        };
        let hope = *hope;
        let next = known.keys().find(|place| hope < **place).copied();
        let Some(next) = next else { return Ok(hope) };
        if next == hope + 1 {
            return Ok(next);
        }
        look(known, hope.midpoint(next), probe)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Finds the point of a curve, and says how many places were looked at.
    fn point(curve: &[u64], landmarks: &[usize]) -> (usize, usize) {
        let mut looks = 0;
        let mut probe = |place: usize| {
            looks += 1;
            curve.get(place).copied().ok_or(place)
        };
        let found = search(curve.len(), 10, 9, landmarks, &mut probe).unwrap();
        (found.point, looks)
    }

    #[test]
    fn the_first_hopeless_place_is_found_wherever_it_is() {
        for at in 1..200 {
            let curve: Vec<u64> = (0..200).map(|place| if place < at { 3 } else { 9 }).collect();
            let (found, looks) = point(&curve, &[0, 50, 100]);
            assert_eq!(found, at);
            assert!(looks <= 20, "{looks} looks for {at}");
        }
    }

    #[test]
    fn what_fails_from_the_beginning_has_no_other_point() {
        assert_eq!(point(&[10; 100], &[0, 30]).0, 0);
        assert_eq!(point(&[10], &[0]).0, 0);
    }

    #[test]
    fn a_relief_behind_the_first_crossing_moves_the_point_behind_it() {
        let mut curve = [10; 1000];
        curve[..300].fill(0);
        curve[700..850].fill(4);
        assert_eq!(point(&curve, &[0, 500]).0, 850);
    }

    #[test]
    fn an_error_ends_the_search() {
        let failed: Result<Found, &str> = search(10, 10, 9, &[0], &mut |_| Err("gone"));
        assert_eq!(failed, Err("gone"));
    }
}
