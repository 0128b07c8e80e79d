-------------------------------- MODULE SignOut --------------------------------
(* Sign-out, stated a second time, by hand, from what its documentation promises.

   One process signs a session out, in a world where answers are lost, writes tear, the power fails, and others sign in.
   The library explores its own machine with a search in Python; TLC explores this twin. The two share nothing but the
   plans with which a sign-out begins, and have to find as many situations and as many moves.

   A *plan* says of each step whether it is "due", "not due", "already done", or "cannot" be done though it was asked
   for. A step that is tried goes one of its *ways*: so many changes in the world, one after the other, and then an
   answer. All that the process was *told* since it began decides what comes next.

   Left out is what follows from the variables: the context that the machine and its journal keep (from `told` and from
   `written`), and what the Python world notes of harm done (invariants, below). The fault "repeated" has no action: the
   second time, an answer is dropped, and that changes nothing. *)
EXTENDS Naturals, Sequences, TLC

CONSTANTS
    Plans,   \* With what a sign-out may begin.
    Faults   \* What may go wrong: some of "lost", "late", "repeated", "torn", "crashes", "others".

VARIABLES
    plan,     \* What is due; settled before the first step.
    process,  \* How far the process has come.
    told,     \* What its run was told: a function from "begin" and the steps that were answered.
    written,  \* `told` as of when the process last wrote down where it stands.
    world     \* The record in the credential store, the tokens at the service, the browser.

vars == <<plan, process, told, written, world>>

StateOf == [hosted_ui         |-> "SigningOutHostedUI",
            refresh_tokens    |-> "RefreshingTokens",
            global_sign_out   |-> "SigningOutGlobally",
            revoke_token      |-> "RevokingToken",
            clear_credentials |-> "SigningOutLocally"]
Steps == DOMAIN StateOf
StepOf(state) == CHOOSE step \in Steps : StateOf[step] = state
Final == {"SignedOut", "PartialSignedOut", "Error"}
\* Before each of these the process writes down where it stands: once one has begun, there is no way back.
Irreversible == {"global_sign_out", "revoke_token", "clear_credentials"}

Mine == 1    \* The epoch of the session that is signed out,
Newer == 2   \* and that of a sign-in that takes its place.

--------------------------------------------------------------------------------
(* THE LAW: what comes next, by the plan and by what was told. *)

Reply(step, heard) == IF step \in DOMAIN heard THEN heard[step] ELSE "none"
Failed(step, heard) == Reply(step, heard) \in {"failed", "refused"}
Cancelled(heard) == Reply("hosted_ui", heard) = "cancelled"

\* Without a fresh access token the global sign-out is not tried, and has failed.
GlobalFailed(heard) == Failed("refresh_tokens", heard) \/ Failed("global_sign_out", heard)

Stopped(heard) ==
    \/ plan.stop
    \/ Cancelled(heard) /\ plan.on_cancel = "stops"
    \/ Reply("hosted_ui", heard) = "refused" /\ plan.hosted_ui_refusal_stops

SomethingFailed(heard) ==
    \/ plan.global_sign_out = "cannot" \/ plan.revoke_token = "cannot"
    \/ Failed("hosted_ui", heard) \/ Failed("revoke_token", heard) \/ GlobalFailed(heard)
    \/ Cancelled(heard) /\ plan.on_cancel # "passes"

Due(step, heard) ==
    /\ plan[step] = "due"
    /\ step \notin DOMAIN heard   \* nothing is tried again once its outcome is known
    /\ step = "global_sign_out" => ~ Failed("refresh_tokens", heard)
    /\ step = "revoke_token" => ~ (plan.revoke_needs_global /\ GlobalFailed(heard))

\* A revocation kills the access token: where that one authorises the global sign-out, the revocation comes second.
Order ==
    LET remote == IF plan.revoke_first THEN <<"revoke_token", "global_sign_out">>
                                       ELSE <<"global_sign_out", "revoke_token">>
        rest == <<"refresh_tokens">> \o remote \o <<"clear_credentials">>
    IN IF plan.hosted_ui_last THEN rest \o <<"hosted_ui">> ELSE <<"hosted_ui">> \o rest

StateAfter(heard) ==
    LET due == {place \in 1..Len(Order) : Due(Order[place], heard)}
    IN IF Stopped(heard) \/ Failed("clear_credentials", heard) THEN "Error"
       ELSE IF due # {} THEN StateOf[Order[CHOOSE first \in due : \A other \in due : first <= other]]
       ELSE IF SomethingFailed(heard) THEN "PartialSignedOut"
       ELSE "SignedOut"

--------------------------------------------------------------------------------
(* THE WORLD: a store that keeps one record, and what the service and the browser know. *)

Record(state, epoch, generation, data) ==
    [state |-> state, epoch |-> epoch, generation |-> generation, data |-> data, journal |-> 0]
IsMine(state) == world.store.state = state /\ world.store.epoch = Mine
HasSession == IsMine("LIVE") \/ IsMine("LEAVING")
\* The attempt that is written down; 0 where nothing is. What else the journal says is in `written`.
Journal == IF world.store.epoch = Mine THEN world.store.journal ELSE 0

\* A save is taken from whoever saw the last generation of a live session, and from nobody else. Two refreshes tell as
\* much as many, so generations count to 3.
Saved(generation, data) ==
    IF IsMine("LIVE") /\ world.store.generation = generation
    THEN [world EXCEPT !.store.generation = IF @ < 3 THEN @ + 1 ELSE 3, !.store.data = data]
    ELSE world

\* A clear commits the tombstone first, which takes the data; then it destroys what is left of them elsewhere.
Buried ==
    IF HasSession THEN [world EXCEPT !.store.state = "TOMBSTONE", !.store.data = "none", !.debris = TRUE] ELSE world

\* What becomes of the world by one more change, of as many as it takes to do a step.
Changed(step, number) ==
    CASE step = "hosted_ui"         -> [world EXCEPT !.browser = FALSE]
      [] step = "refresh_tokens"    -> Saved(world.store.generation, "fresh")
      [] step = "global_sign_out"   -> [world EXCEPT !.refreshable = {}, !.other_devices = FALSE]
      [] step = "revoke_token"      -> [world EXCEPT !.refreshable = @ \ {Mine}]
      [] step = "clear_credentials" -> IF number = 1 THEN Buried ELSE [world EXCEPT !.debris = FALSE]

Torn == IF "torn" \in Faults THEN {"done and not verified", "torn", "torn and verified"} ELSE {}
Ways(step) ==
    CASE step = "hosted_ui"         -> {"done", "failed", "refused", "cancelled"}
      [] step = "clear_credentials" -> {"done", "refused"} \cup Torn
      [] OTHER                      -> {"done", "failed"}
Changes(step, way) ==
    CASE way \in {"failed", "refused", "cancelled"} -> 0
      [] way \in {"torn", "torn and verified"}      -> 1
      [] OTHER                                      -> IF step = "clear_credentials" THEN 2 ELSE 1

\* What is answered in the end. A failure that nobody explains is the same as no answer in time: "failed".
Answer(step, way) ==
    CASE way = "torn and verified"                  -> "done, residue"
      [] way \in {"torn", "done and not verified"}  -> "failed"
      [] step = "clear_credentials" /\ way = "done" -> IF world.store.epoch > Mine THEN "done, superseded" ELSE "done"
      [] OTHER                                      -> way

--------------------------------------------------------------------------------
(* WHAT CAN HAPPEN. A process is "away", or "rests"; or it has "asked" for a step and has still to write that down, is
   "ready" to begin it, is "doing" it, or has it "answered". One step that it gave up may go on, late. *)

Nothing == [step |-> "none", attempt |-> 0, way |-> "none", changes |-> 0, answer |-> "none"]
Away == [stage |-> "away", state |-> "none", attempt |-> 0, doing |-> Nothing, late |-> Nothing]
NotStarted == [Away EXCEPT !.stage = "rests", !.state = "NotStarted", !.attempt = 1]

Step == StepOf(process.state)
\* The process as it enters the state that follows from what it heard.
Entering(heard, attempt, late) ==
    LET state == StateAfter(heard)
        stage == IF state \in Final THEN "rests" ELSE IF StepOf(state) \in Irreversible THEN "asked" ELSE "ready"
    IN [stage |-> stage, state |-> state, attempt |-> attempt, doing |-> Nothing, late |-> late]

Begin ==
    /\ process.state = "NotStarted"
    /\ told' = [begin |-> "done"]
    /\ process' = Entering(told', 1, Nothing)
    /\ UNCHANGED <<plan, written, world>>

\* Where the session is gone already, there is nothing to leave, and nothing to come back to.
WriteDown ==
    /\ process.stage = "asked"
    /\ process' = [process EXCEPT !.stage = "ready"]
    /\ IF HasSession
       THEN world' = [world EXCEPT !.store.state = "LEAVING", !.store.journal = process.attempt] /\ written' = told
       ELSE UNCHANGED <<world, written>>
    /\ UNCHANGED <<plan, told>>

\* What the process may begin now, or has begun.
Doable ==
    LET asked == [Nothing EXCEPT !.step = Step, !.attempt = process.attempt]
    IN IF process.stage = "ready" THEN {[asked EXCEPT !.way = way] : way \in Ways(Step)}
                                  ELSE {process.doing} \ {Nothing}

\* One change more, and after the last one the answer.
IsChanged(doing) == doing.changes = Changes(doing.step, doing.way)
Change(doing) == world' = IF IsChanged(doing) THEN world ELSE Changed(doing.step, doing.changes + 1)
Onward(doing) ==
    LET more == IF IsChanged(doing) THEN doing ELSE [doing EXCEPT !.changes = @ + 1]
    IN IF IsChanged(more) THEN [more EXCEPT !.answer = Answer(doing.step, doing.way)] ELSE more

GoOn ==
    \E doing \in Doable :
        /\ doing.answer = "none"
        /\ Change(doing)
        /\ process' = [process EXCEPT !.doing = Onward(doing),
                                      !.stage = IF Onward(doing).answer = "none" THEN "doing" ELSE "answered"]
        /\ UNCHANGED <<plan, told, written>>

\* The process is told how the step ended. Of what it gave up it remembers the latest only.
Take(answer, late) ==
    /\ told' = told @@ (Step :> answer)
    /\ process' = Entering(told', 1, IF late = Nothing THEN process.late ELSE late)
    /\ UNCHANGED <<plan, written, world>>

TakeAnswer == process.stage = "answered" /\ Take(process.doing.answer, Nothing)

\* No answer within the time allowed, which is a failure: the request is lost, or the answer; or all of it comes late.
Lose ==
    /\ "lost" \in Faults
    /\ process.stage \in {"ready", "answered"}
    /\ Take("failed", Nothing)
GiveUp == "late" \in Faults /\ \E doing \in Doable : Take("failed", doing)

LateGoesOn ==
    /\ process.late # Nothing /\ process.late.answer = "none"
    /\ Change(process.late)
    /\ process' = [process EXCEPT !.late = Onward(@)]
    /\ UNCHANGED <<plan, told, written>>
LateIsDropped ==
    /\ process.late.answer # "none"
    /\ process' = [process EXCEPT !.late = Nothing]
    /\ UNCHANGED <<plan, told, written, world>>

\* The power fails, wherever that makes a difference. What the process was told goes with it.
Crash ==
    /\ "crashes" \in Faults
    /\ ~ (process.stage = "away" \/ (process.stage = "rests" /\ process.late = Nothing /\ Journal = 0
                                       /\ (process.state = "NotStarted" => IsMine("LIVE"))))
    /\ process' = Away
    /\ told' = << >>
    /\ UNCHANGED <<plan, written, world>>

\* Attempts count to 2: a third one goes as the second.
Resume ==
    /\ process.stage = "away" /\ Journal # 0
    /\ told' = written
    /\ process' = Entering(written, 2, Nothing)
    /\ UNCHANGED <<plan, written, world>>
BeginAnew ==
    /\ process.stage = "away" /\ Journal = 0 /\ IsMine("LIVE")
    /\ process' = NotStarted
    /\ UNCHANGED <<plan, told, written, world>>

\* The journal goes once the clear has nothing left to do.
TidyUp ==
    /\ process.state \in Final /\ Journal # 0
    /\ Reply("clear_credentials", told) \in {"done", "done, superseded"}
    /\ world' = [world EXCEPT !.store.journal = 0]
    /\ UNCHANGED <<plan, process, told, written>>

\* Others: a token refresh that began before all this lands; a sign-in takes the session's place.
ARefreshLands ==
    /\ "others" \in Faults /\ ~ world.refreshed
    /\ world' = [Saved(1, "refreshed") EXCEPT !.refreshed = TRUE]
    /\ UNCHANGED <<plan, process, told, written>>
ANewerSignIn ==
    /\ "others" \in Faults /\ world.store.epoch = Mine
    /\ world' = [world EXCEPT !.store = Record("LIVE", Newer, 1, "second"), !.debris = FALSE,
                              !.refreshable = @ \cup {Newer}]
    /\ UNCHANGED <<plan, process, told, written>>

Init ==
    /\ plan \in Plans /\ process = NotStarted
    /\ told = << >> /\ written = << >>   \* nothing, not even "begin"
    /\ world = [store |-> IF plan.clear_credentials = "already done" THEN Record("ABSENT", 0, 0, "none")
                                                                    ELSE Record("LIVE", Mine, 1, "first"),
                debris |-> FALSE, refreshable |-> {Mine}, other_devices |-> TRUE, browser |-> TRUE, refreshed |-> FALSE]
Proceed ==
    \/ Begin \/ WriteDown \/ GoOn \/ TakeAnswer \/ Lose \/ GiveUp \/ LateGoesOn \/ LateIsDropped
    \/ Resume \/ BeginAnew \/ TidyUp
Next == Proceed \/ Crash \/ ARefreshLands \/ ANewerSignIn
Spec == Init /\ [][Next]_vars /\ WF_vars(Proceed)

--------------------------------------------------------------------------------
(* WHAT MUST HOLD. *)

Answers == {"done", "done, superseded", "done, residue", "failed", "refused", "cancelled"}
Doings == [step : Steps, attempt : {1, 2}, way : UNION {Ways(step) : step \in Steps}, changes : 0..2,
           answer : Answers \cup {"none"}] \cup {Nothing}
IsHistory(heard) == \A step \in DOMAIN heard : step \in Steps \cup {"begin"} /\ heard[step] \in Answers
TypeOK ==
    /\ process.stage \in {"away", "rests", "asked", "ready", "doing", "answered"}
    /\ process.state \in {StateOf[step] : step \in Steps} \cup Final \cup {"NotStarted", "none"}
    /\ process.attempt \in 0..2 /\ {process.doing, process.late} \subseteq Doings
    /\ IsHistory(told) /\ IsHistory(written)
    /\ world.store \in [state : {"ABSENT", "LIVE", "LEAVING", "TOMBSTONE"}, epoch : 0..2, generation : 0..3,
                        data : {"none", "first", "refreshed", "fresh", "second"}, journal : 0..2]
    /\ {world.debris, world.other_devices, world.browser, world.refreshed} \subseteq BOOLEAN
    /\ world.refreshable \subseteq {Mine, Newer}

\* Local credentials are cleared unless the sign-out failed.
ClearedUnlessFailed == process.state \in {"SignedOut", "PartialSignedOut"} => ~ HasSession

\* Complete means that all that was due is done.
CompleteMeansDone ==
    process.state = "SignedOut" =>
        /\ plan.revoke_token = "due" => Mine \notin world.refreshable
        /\ plan.global_sign_out = "due" => ~ world.other_devices
        /\ plan.hosted_ui = "due" => ~ world.browser \/ Cancelled(told)

\* A stopped sign-out leaves the session as it was.
StoppedLeavesTheSession ==
    process.state = "Error" /\ "clear_credentials" \notin DOMAIN told /\ world.store.epoch = Mine =>
        IsMine("LIVE") /\ Journal = 0 /\ Mine \in world.refreshable /\ world.other_devices

FailedClearCanBeResumed == process.state = "Error" /\ Failed("clear_credentials", told) => Journal # 0 \/ ~ HasSession

\* A newer sign-in is never cleared, nor touched.
NewerIsLeftAlone == world.store.epoch = Newer => world.store = Record("LIVE", Newer, 1, "second")

\* No save, however late, brings data back.
NothingRises == (world.store.data # "none") <=> (world.store.state \in {"LIVE", "LEAVING"})

\* After a crash no session reads as live whose sign-out has begun.
WhatBeganIsKnown == process.stage = "away" /\ IsMine("LIVE") => Mine \in world.refreshable

\* Every run ends, and every one that is resumed or begun anew; unless the power fails again and again.
IsOver == process.state \in Final \/ (process.stage = "away" /\ Journal = 0 /\ ~ IsMine("LIVE"))
EveryRunEnds == []<>IsOver \/ []<><<Crash>>_vars
================================================================================
