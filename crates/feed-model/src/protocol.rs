//! The rules of the protocol. Each is kept, or broken on purpose to see that the checker notices.

/// `true`: the rule is kept. [`Protocol::SOUND`] keeps all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "every one is a rule of its own")]
pub struct Protocol {
    // The owner.
    /// Positions come from the head row, in the transaction of the change; not from a sequence.
    pub positions_in_commit_order: bool,
    /// A confirmation looks for leases after its change has committed.
    pub leases_read_after_commit: bool,
    /// Leases that could not be read are not taken for nobody.
    pub unread_leases_are_waited_for: bool,
    /// A lease that is renewed while a confirmation waits counts by its first end.
    pub first_end_counts: bool,
    /// A heartbeat's lease is written before the head for its answer is read.
    pub lease_before_head: bool,
    /// A page's head is read before its objects.
    pub head_before_objects: bool,
    /// After the database's clock was set ahead every lease is waited for in full.
    pub clock_steps_noticed: bool,
    /// However long a lease seems to last, it is waited for no longer than a lease lasts.
    pub waits_one_lease: bool,

    // The replica.
    /// A part of each lease is given up for clocks that do not run at the same rate.
    pub drift_margin: bool,
    /// A lease counts from before its heartbeat was sent; not from when the answer came.
    pub counts_from_sending: bool,
    /// The clock that leases are counted on runs while the machine is suspended.
    pub clock_runs_suspended: bool,
    /// A lease counts only once everything up to the head of its answer is applied.
    pub head_applied_first: bool,
    /// A replica has a lease on record before it loads the objects.
    pub registers_before_loading: bool,
    /// Each start has an incarnation of its own.
    pub own_incarnation: bool,
    /// An entry that does not follow on is not applied.
    pub gaps_noticed: bool,
    /// A position is acknowledged after it is applied.
    pub acknowledges_after_applying: bool,
    /// Nothing else is applied while objects are being loaded.
    pub loads_alone: bool,
    /// A loaded state that is older than what is known of its object changes nothing.
    pub newest_state_wins: bool,
    /// The applied position only rises.
    pub applied_only_rises: bool,
    /// A fence also ends the leases that decisions have taken already.
    pub fence_reaches_decisions: bool,

    // The decision.
    /// The lease is checked after the look-up; not only before.
    pub lease_checked_after: bool,
    /// What is checked is the lease taken before the look-up; not the one that there is afterwards.
    pub lease_taken_before: bool,
    /// A cache fill carries the position at which it was read; not the one at which it arrived.
    pub fills_carry_position: bool,
    /// Enabling a token again does not forget when its sessions ended.
    pub enabling_remembers: bool,
}

impl Protocol {
    /// Every rule kept.
    pub const SOUND: Self = Self {
        positions_in_commit_order: true,
        leases_read_after_commit: true,
        unread_leases_are_waited_for: true,
        first_end_counts: true,
        lease_before_head: true,
        head_before_objects: true,
        clock_steps_noticed: true,
        waits_one_lease: true,
        drift_margin: true,
        counts_from_sending: true,
        clock_runs_suspended: true,
        head_applied_first: true,
        registers_before_loading: true,
        own_incarnation: true,
        gaps_noticed: true,
        acknowledges_after_applying: true,
        loads_alone: true,
        newest_state_wins: true,
        applied_only_rises: true,
        fence_reaches_decisions: true,
        lease_checked_after: true,
        lease_taken_before: true,
        fills_carry_position: true,
        enabling_remembers: true,
    };
}
