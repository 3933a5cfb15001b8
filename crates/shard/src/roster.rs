//! Patients by id and by dense slot.
//!
//! A slot is a small number that indexes every per-patient table. It is given at the first record of a stay and given back
//! when monitoring ends. Slots are assigned in log order, so a replay assigns the same.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// FNV-1a over an id's bytes: quick for short keys, and the same on every machine. Ids come from the hospital's own
/// systems, so an attack by chosen collisions is not in the picture; iteration order is never used.
#[derive(Clone, Copy)]
pub(crate) struct IdHasher(u64);

/// The slots of all monitored patients.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    slots: HashMap<Arc<str>, u32, BuildHasherDefault<IdHasher>>,
    free: Vec<u32>,
    next: u32,
}

// === impl IdHasher ===

impl Default for IdHasher {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = (self.0 ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.0 ^= self.0 >> 29;
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

// === impl Roster ===

impl Roster {
    #[inline]
    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        self.slots.get(id).copied()
    }

    /// Gives a patient a slot. The caller has looked that there is none.
    pub(crate) fn admit(&mut self, id: Arc<str>) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        self.slots.insert(id, slot);
        slot
    }

    pub(crate) fn release(&mut self, id: &str) {
        if let Some(slot) = self.slots.remove(id) {
            self.free.push(slot);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }
}
