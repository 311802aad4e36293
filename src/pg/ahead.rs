//! Owns the look ahead: while one aggregate's state comes from memory, that of the group's next aggregate is asked for.
//!
//! Where thousands of groups come in random order, each row waits for the states of its group, one after the other: 70 ns and more for each.
//! PostgreSQL keeps the states of a group side by side in a list, so a transition can see where the next one lies.

use super::fmgr::Call;
use pgrx::pg_sys;

/// Asks for the head of the state that the group's next aggregate will change. A guess that costs nothing when it is wrong.
#[inline(always)]
pub fn next_state(call: &Call) {
    // SAFETY: a call's context is null or a node that begins with its tag. While an AggState runs transitions, its current transition is
    // one of its `numtrans`, and in the context of hashing the current set has the states of the row's group, one for each. What is
    // asked of memory may be any address.
    unsafe {
        let context = (*call.fcinfo).context;
        if context.is_null() || (*context).type_ != pg_sys::NodeTag::T_AggState {
            return;
        }
        let agg = &*context.cast::<pg_sys::AggState>();
        // Where groups come in order, there is one state at a time, which is at hand.
        if agg.curaggcontext != agg.hashcontext {
            return;
        }
        let bytes = (agg.curpertrans as usize).wrapping_sub(agg.pertrans as usize);
        let next = bytes / size_of::<pg_sys::AggStatePerTransData>() + 1;
        if next >= agg.numtrans as usize || (*agg.pertrans.add(next)).transtypeByVal {
            return;
        }
        let states = *agg.hash_pergroup.add(agg.current_set as usize);
        let state = (*states.add(next)).transValue.cast_mut_ptr::<i8>();
        ask(state);
        ask(state.wrapping_add(56));
    }
}

/// Asks for a line of memory.
#[inline(always)]
fn ask(_address: *const i8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which faults at no address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(_address);
    }
}
