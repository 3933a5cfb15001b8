//! Asking for memory ahead of its use.
//!
//! With ten thousand patients the state of the next one is in no cache, and waiting for it is most of the work. Who knows
//! a few rows ahead whose turn comes asks early and does not wait. A wrong guess costs time and changes nothing.
//!
//! Floor 0.

const LINE: usize = 64;

/// Asks for the memory of a value.
#[inline(always)]
pub fn prefetch<T>(value: &T) {
    prefetch_all(std::slice::from_ref(value));
}

/// Asks for the memory of all values.
#[inline(always)]
pub fn prefetch_all<T>(values: &[T]) {
    lines(values.as_ptr().cast(), size_of_val(values));
}

/// Asks for the memory behind the last value, where so many more will go.
#[inline(always)]
pub fn prefetch_end<T>(values: &[T], more: usize) {
    lines(values.as_ptr_range().end.cast(), more * size_of::<T>());
}

#[inline(always)]
fn lines(start: *const u8, bytes: usize) {
    for offset in (0..bytes).step_by(LINE) {
        line(start.wrapping_add(offset));
    }
}

#[inline(always)]
fn line(place: *const u8) {
    #[cfg(target_arch = "x86_64")]
    #[allow(
        unsafe_code,
        reason = "a hint: it loads nothing, and an address that is not there is ignored"
    )]
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
