//! Owns window functions (windowapi.h), for which pgrx has no bindings: the present row's arguments, and memory that
//! lasts for the partition.

use super::fmgr::Call;
use pgrx::pg_sys::{self, Datum, ffi::pg_guard_ffi_boundary};
use std::ffi::{c_int, c_void};

unsafe extern "C-unwind" {
    fn WinGetPartitionLocalMemory(window: *mut c_void, size: usize) -> *mut c_void;
    fn WinGetFuncArgCurrent(window: *mut c_void, arg: c_int, is_null: *mut bool) -> Datum;
}

/// A call of a window function.
pub struct Window {
    object: *mut c_void,
}

impl Window {
    /// The window of a call, or `None` where the function is called without OVER.
    pub fn of(call: &Call) -> Option<Window> {
        // SAFETY: fcinfo is valid; its context is null or a node, and a WindowObject is the node type by that tag.
        unsafe {
            let context = (*call.fcinfo()).context;
            let is_window = !context.is_null() && (*context).type_ == pg_sys::NodeTag::T_WindowObjectData;
            is_window.then_some(Window { object: context.cast() })
        }
    }

    /// Argument `i` in the present row.
    pub fn arg(&self, i: i32) -> Option<Datum> {
        let mut is_null = false;
        // SAFETY: the object is the executor's own for this call; evaluating an argument may raise, hence the guard.
        let datum = unsafe { pg_guard_ffi_boundary(|| WinGetFuncArgCurrent(self.object, i, &mut is_null)) };
        (!is_null).then_some(datum)
    }

    /// Argument `i` in the present row, an interval.
    pub fn interval(&self, i: i32) -> Option<pg_sys::Interval> {
        // SAFETY: the SQL declaration gives argument i type interval, passed by reference.
        self.arg(i)
            .map(|datum| unsafe { datum.cast_mut_ptr::<pg_sys::Interval>().read() })
    }

    /// Memory of the partition: zeroed at its first row, kept for the later ones.
    pub fn memory<T: Copy>(&mut self) -> &mut T {
        const { assert!(align_of::<T>() <= 8) };
        // SAFETY: the executor gives MAXALIGNed zeroed memory of that size at the partition's first call and the same
        // memory after; T is Copy, so it needs no drop, and callers use types for which zeroes are a value.
        unsafe { &mut *pg_guard_ffi_boundary(|| WinGetPartitionLocalMemory(self.object, size_of::<T>())).cast::<T>() }
    }
}
