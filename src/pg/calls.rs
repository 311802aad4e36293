//! Owns what an expression calls: a walk over a tree that PostgreSQL has parsed and analysed (of a view, of a function's body), which
//! lists functions, conversions through text, constants and words such as `current_user`. SQL decides what they mean for a definition
//! (`sql/s35_text/session.sql`).

use pgrx::pg_sys::{self, Node, NodeTag, Oid};
use serde_json::{Value, json};
use std::ffi::{CStr, CString, c_void};

crate::pg_fn! {
    /// `tally_internal._calls(tree pg_node_tree) → text`: a JSON array of objects with `kind` (call, io, word, constant, reads, system), `function`,
    /// `types` and `constants`.
    tally_calls(call)? {
        let tree = CString::new(call.str(0)?).unwrap_or_default();
        let mut found: Vec<Value> = Vec::new();
        // SAFETY: PostgreSQL wrote the tree itself, which is what the type pg_node_tree vouches for; `found` outlives the walk.
        unsafe {
            let node = pg_sys::stringToNode(tree.as_ptr()).cast::<Node>();
            walk(node, (&raw mut found).cast());
        }
        Ok(call.return_str(&Value::Array(found).to_string()))
    }
}

/// Notes a node and goes on to those in it; never ends the walk early.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn walk(node: *mut Node, context: *mut c_void) -> bool {
    if node.is_null() {
        return false;
    }
    pgrx::check_for_interrupts!();
    // SAFETY: `node` is a node of a tree that PostgreSQL has built, so its tag tells its type; `context` is the list of `tally_calls`.
    unsafe {
        note(node, &mut *context.cast::<Vec<Value>>());
        if (*node).type_ == NodeTag::T_Query {
            return pg_sys::query_tree_walker(node.cast(), Some(walk), context, 0);
        }
        pg_sys::expression_tree_walker(node, Some(walk), context)
    }
}

/// What one node says.
///
/// # Safety
/// `node` must be a node of an analysed tree.
unsafe fn note(node: *mut Node, found: &mut Vec<Value>) {
    // SAFETY: each cast is to the type that the node's tag names.
    unsafe {
        match (*node).type_ {
            NodeTag::T_FuncExpr => called(node, (*node.cast::<pg_sys::FuncExpr>()).args, found),
            NodeTag::T_OpExpr | NodeTag::T_DistinctExpr | NodeTag::T_NullIfExpr => {
                called(node, (*node.cast::<pg_sys::OpExpr>()).args, found)
            }
            NodeTag::T_ScalarArrayOpExpr => called(node, (*node.cast::<pg_sys::ScalarArrayOpExpr>()).args, found),
            NodeTag::T_Aggref => called(node, (*node.cast::<pg_sys::Aggref>()).args, found),
            NodeTag::T_WindowFunc => called(node, (*node.cast::<pg_sys::WindowFunc>()).args, found),
            NodeTag::T_RowCompareExpr => called(node, std::ptr::null_mut(), found),
            NodeTag::T_CoerceViaIO => {
                let io = node.cast::<pg_sys::CoerceViaIO>();
                let types = [pg_sys::exprType((*io).arg.cast()), (*io).resulttype];
                found.push(json!({"kind": "io", "types": types.map(number)}));
            }
            NodeTag::T_SQLValueFunction => {
                let word = node.cast::<pg_sys::SQLValueFunction>();
                found.push(json!({"kind": "word", "types": [number((*word).type_)]}));
            }
            NodeTag::T_Const => {
                let types = [number((*node.cast::<pg_sys::Const>()).consttype)];
                found.push(json!({"kind": "constant", "types": types, "constants": [constant(node)]}));
            }
            // Where a row lies and who wrote it: ctid, xmin, tableoid and the like.
            NodeTag::T_Var if (*node.cast::<pg_sys::Var>()).varattno < 0 => {
                found.push(json!({"kind": "system", "types": [number((*node.cast::<pg_sys::Var>()).vartype)]}));
            }
            NodeTag::T_XmlExpr => found.push(json!({"kind": "reads", "types": [number(pg_sys::XMLOID)]})),
            // Columns that a function or a document is read into.
            NodeTag::T_RangeTblFunction => reads((*node.cast::<pg_sys::RangeTblFunction>()).funccoltypes, found),
            NodeTag::T_TableFunc => reads((*node.cast::<pg_sys::TableFunc>()).coltypes, found),
            _ => {}
        }
    }
}

/// A call: its functions (a comparison of rows has several), the types of its arguments, and those that are constant, as text.
///
/// # Safety
/// `node` and `args` must be of an analysed tree.
unsafe fn called(node: *mut Node, args: *mut pg_sys::List, found: &mut Vec<Value>) {
    let mut types = Vec::new();
    let mut constants = Vec::new();
    let mut functions: Vec<Oid> = Vec::new();
    // SAFETY: the caller vouches for the tree; an aggregate's arguments are wrapped in target entries.
    unsafe {
        for i in 0..length(args) {
            let mut argument = pg_sys::list_nth(args, i).cast::<Node>();
            if (*argument).type_ == NodeTag::T_TargetEntry {
                let entry = argument.cast::<pg_sys::TargetEntry>();
                if (*entry).resjunk {
                    // What an aggregate only orders by.
                    continue;
                }
                argument = (*entry).expr.cast();
            }
            types.push(number(pg_sys::exprType(argument)));
            constants.push(constant(argument));
        }
        pg_sys::check_functions_in_node(node, Some(collect), (&raw mut functions).cast());
    }
    for function in functions {
        found.push(json!({"kind": "call", "function": number(function), "types": types, "constants": constants}));
    }
}

/// Keeps the function that a node calls.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn collect(function: Oid, context: *mut c_void) -> bool {
    // SAFETY: `called` passes its list.
    unsafe { (*context.cast::<Vec<Oid>>()).push(function) };
    false
}

/// Columns that are read from text or JSON.
///
/// # Safety
/// `list` must be a list of OIDs, or null.
unsafe fn reads(list: *mut pg_sys::List, found: &mut Vec<Value>) {
    // SAFETY: the caller vouches for the list.
    let types: Vec<u32> = unsafe {
        (0..length(list))
            .map(|i| number(pg_sys::list_nth_oid(list, i)))
            .collect()
    };
    if !types.is_empty() {
        found.push(json!({"kind": "reads", "types": types}));
    }
}

/// A constant as its type writes it; null where the node is none, or is NULL.
///
/// # Safety
/// `node` must be of an analysed tree.
unsafe fn constant(node: *mut Node) -> Option<String> {
    // SAFETY: the tag says that it is a Const, whose value is of its type.
    unsafe {
        let value = node.cast::<pg_sys::Const>();
        if (*node).type_ != NodeTag::T_Const || (*value).constisnull {
            return None;
        }
        let (mut output, mut varlena) = (pg_sys::InvalidOid, false);
        pg_sys::getTypeOutputInfo((*value).consttype, &mut output, &mut varlena);
        let text = pg_sys::OidOutputFunctionCall(output, (*value).constvalue);
        Some(CStr::from_ptr(text).to_string_lossy().into_owned())
    }
}

fn number(oid: Oid) -> u32 {
    oid.to_u32()
}

/// # Safety
/// `list` must be a list, or null.
unsafe fn length(list: *mut pg_sys::List) -> i32 {
    // SAFETY: the caller vouches for it.
    if list.is_null() { 0 } else { unsafe { (*list).length } }
}
