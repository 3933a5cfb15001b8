//! Patients by id and by dense slot.
//!
//! A slot is a small number that indexes every per-patient table. It is given at the first record of a stay and given back
//! when monitoring ends. Slots are assigned in log order, so a replay assigns the same.

use std::sync::Arc;

use hashbrown::HashTable;

use crate::digest::hash;

/// The slots of all monitored patients. Ids come from the hospital's own systems, so an attack by chosen collisions is not in
/// the picture; iteration order is never used.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    /// By the hash of a patient's id. Ids stand apart, so that the table stays in the cache.
    slots: HashTable<Entry>,
    /// By slot.
    hashes: Vec<u64>,
    /// By slot; none where it is free.
    ids: Vec<Option<Arc<str>>>,
    free: Vec<u32>,
}

/// A slot, with as much of its hash as makes a look at the id nearly always right.
#[derive(Clone, Copy, Debug)]
struct Entry {
    tag: u32,
    slot: u32,
}

/// Bits of a hash that the table itself looks at least.
#[inline]
fn tag(hash: u64) -> u32 {
    (hash >> 24) as u32
}

// === impl Roster ===

impl Roster {
    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        let is_it = |entry: &Entry| self.ids[entry.slot as usize].as_deref() == Some(id);
        self.slots.find(hash(id), is_it).map(|entry| entry.slot)
    }

    /// The slot that [`Roster::find`] will most likely give, without a look at the id.
    #[inline]
    pub(crate) fn foresee(&self, id: &str) -> Option<u32> {
        let hash = hash(id);
        let is_it = |entry: &Entry| entry.tag == tag(hash);
        self.slots.find(hash, is_it).map(|entry| entry.slot)
    }

    /// Gives a patient a slot. The caller has looked that there is none.
    pub(crate) fn admit(&mut self, id: Arc<str>) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.hashes.push(0);
            self.ids.push(None);
            self.ids.len() as u32 - 1
        });
        self.occupy(slot, id);
        slot
    }

    fn occupy(&mut self, slot: u32, id: Arc<str>) {
        let hash = hash(&id);
        self.hashes[slot as usize] = hash;
        self.ids[slot as usize] = Some(id);
        let entry = Entry { tag: tag(hash), slot };
        self.slots
            .insert_unique(hash, entry, |entry| self.hashes[entry.slot as usize]);
    }

    pub(crate) fn release(&mut self, id: &str) {
        let is_it = |entry: &Entry| self.ids[entry.slot as usize].as_deref() == Some(id);
        if let Ok(found) = self.slots.find_entry(hash(id), is_it) {
            let (Entry { slot, .. }, _) = found.remove();
            self.ids[slot as usize] = None;
            self.free.push(slot);
        }
    }

    /// The free slots, the next one to be given last.
    pub(crate) fn free(&self) -> &[u32] {
        &self.free
    }

    /// A roster of so many slots, to be filled by [`Roster::put_back`].
    pub(crate) fn restored(slots: usize, free: Vec<u32>) -> Self {
        Self {
            slots: HashTable::new(),
            hashes: vec![0; slots],
            ids: vec![None; slots],
            free,
        }
    }

    /// Puts a patient back into a slot; false when the slot is taken or there is none.
    pub(crate) fn put_back(&mut self, slot: u32, id: Arc<str>) -> bool {
        if self.ids.get(slot as usize).is_none_or(Option::is_some) {
            return false;
        }
        self.occupy(slot, id);
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_given_in_order_and_given_back() {
        let mut roster = Roster::default();
        let ids: Vec<String> = (0..1_000).map(|number| format!("patient-{number}")).collect();
        for (number, id) in ids.iter().enumerate() {
            assert_eq!(roster.find(id), None);
            assert_eq!(roster.admit(id.as_str().into()), number as u32);
        }
        for id in ids.iter().step_by(3) {
            roster.release(id);
        }
        for (number, id) in ids.iter().enumerate() {
            let expected = (number % 3 != 0).then_some(number as u32);
            assert_eq!((roster.find(id), roster.foresee(id)), (expected, expected));
        }
        assert_eq!(roster.len(), 666);
        assert_eq!(roster.admit("another".into()), 999, "the slot given back last");
    }
}
