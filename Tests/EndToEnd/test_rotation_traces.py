"""The worker dies at every statement of a rotation: what is left is always whole, and the next one finishes (FT-1).

The database's clock decides everything, and nobody waits for it: what lies in the past is written into the past by
the table's owner, with the guards off, before the worker begins. From there on everything is the product's own.
"""

import signal

import pytest

from harness.keystate import assert_sound, state_of
from harness.programs import run_program, start_program
from harness.tap import Tap
from harness.waiting import until
from harness.world import Installation

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]


class Scene:
    """A database in which one workspace is due, kept as it is; each run works on a copy."""

    def __init__(self, installation, workspace):
        self.installation = installation
        self.workspace = workspace
        self.cluster = installation.cluster
        for service in installation.services:
            service.kill()
        installation.database.disconnect()

    def copy(self):
        return self.installation.database.copy()

    def environment(self, url):
        return self.installation.environment("key_rotator", DATABASE_URL=url)

    def run_once(self, database):
        done = run_program("key-rotator", "run-once", environment=self.environment(database.url("key_rotator")))
        assert done.returncode == 0, done.stderr
        return done

    def through(self, tap, database):
        return start_program(
            "key-rotator", "run-once", environment=self.environment(tap.url(database, "key_rotator"))
        )

    def state(self, database):
        return state_of(database, self.workspace)

    def assert_sound(self, database, settled=True):
        assert_sound(database, self.workspace, self.installation.master_key, settled)


def the_worker_is_gone(database):
    """No connection of the worker is left: what it had not committed is undone."""
    left = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'key_rotator'"
    until(lambda: database.value(left) == 0, 10, every=0.005, what="the worker's connections have ended")


def a_minute_passes(database):
    """As far as claims go: those of a worker that died run out."""
    database.execute("UPDATE key_schedule SET claimed_until = claimed_until - interval '1 minute'")


# What is due


def nothing_yet(installation):
    """A workspace without any key."""
    return installation.workspace(algorithm="ES256", keys=False)


def a_turn_has_come(installation):
    """The standby signs since seventy seconds: another is wanted, and the old private half must go."""
    workspace = installation.workspace(algorithm="ES256")
    workspace.let_the_standby_sign("70 seconds")
    return workspace


def known_standby(installation):
    workspace = installation.workspace(algorithm="ES256")
    workspace.force_keys("published_at = now() - interval '1 day'", "haste IS NULL")
    return workspace


def ask(workspace, command, *options):
    """Asks, and does not wait for the worker that is not there."""
    done = run_program(
        "sso-admin",
        *[command, "--workspace", workspace.slug, *options, "--wait", "1"],
        environment=workspace.installation.environment("sso_admin"),
    )
    assert "unanswered" in done.stderr, done


def a_rotation_was_asked_for(installation):
    workspace = known_standby(installation)
    ask(workspace, "rotate-key")
    return workspace


def a_key_has_leaked(installation):
    """The signing key is compromised, and its sessions are to end."""
    assert installation.exchange.is_ready
    workspace = known_standby(installation)
    workspace.wait_until_served()
    workspace.sign_up().exchanged()
    ask(workspace, "compromise-key", "--kid", workspace.keys()[0][0], "--revoke-sessions")
    return workspace


SCENES = [nothing_yet, a_turn_has_come, a_rotation_was_asked_for, a_key_has_leaked]


@pytest.fixture
def scene(cluster, request):
    installation = Installation(cluster)
    try:
        yield Scene(installation, request.param(installation))
    finally:
        installation.close()


class Undisturbed:
    """A run that nobody disturbs: its steps, and what the database has committed by the answer to each."""

    def __init__(self, scene):
        database = scene.copy()
        self._committed = {0: scene.state(database)}
        try:
            tap = Tap(scene.cluster.host, scene.cluster.port, after=lambda step: self._note(scene, database, step))
            with tap:
                worker = scene.through(tap, database)
                assert worker.wait(60) == 0, worker.communicate()
            self.steps = tap.steps
            self.end = scene.state(database)
            scene.assert_sound(database)
        finally:
            database.drop()

    def _note(self, scene, database, step):
        self._committed[step.number] = scene.state(database)
        return True

    @property
    def states(self):
        return {str(state) for state in self._committed.values()}

    def wanted(self, step, is_carried_out):
        """What the database must hold after a death at a step.

        A pipeline that was not ended is undone with its connection, except when COMMIT was carried out within it.
        """
        last = self.steps[step.number - 2] if step.number > 1 else None
        if is_carried_out or (step.kind == "sync" and last.text == "COMMIT"):
            return self._committed[step.number]
        return self._committed[max(number for number in self._committed if number < step.number)]

    def deaths(self, with_housekeeping):
        """Every step, before it is sent, and every answer, before it is there."""
        house = next(step.number for step in self.steps if "end_stuck_listeners" in step.text)
        steps = self.steps if with_housekeeping else self.steps[: house - 1]
        return [(step, False) for step in steps] + [(step, True) for step in steps if step.is_answered]


@pytest.mark.parametrize("scene", SCENES, indirect=True, ids=lambda made: made.__name__)
def test_killed_at_any_statement_it_leaves_a_whole_state_and_the_next_worker_finishes(scene, request, record_property):
    run = Undisturbed(scene)
    # Keeping house is the same after every cycle: once is enough.
    deaths = run.deaths(with_housekeeping=request.node.callspec.params["scene"] is nothing_yet)
    record_property("deaths", len(deaths))
    record_property("states", len(run.states))
    assert len(deaths) > 30 and len(run.states) > 2
    for death in deaths:
        die_and_recover(scene, run, *death)


def die_and_recover(scene, run, step, is_carried_out):
    """One death: the state is exactly what was committed by then, and another worker comes to the same end."""
    database = scene.copy()
    worker = None
    try:
        with Tap(scene.cluster.host, scene.cluster.port) as tap:

            def die(seen):
                if seen.number != step.number:
                    return True
                worker.kill()
                worker.wait(10)
                return False

            setattr(tap, "after" if is_carried_out else "before", die)
            with tap.lock:
                worker = scene.through(tap, database)
            assert worker.wait(60) == -signal.SIGKILL, (step, worker.communicate())
        texts = [[seen.text for seen in steps[: step.number]] for steps in (tap.steps, run.steps)]
        assert texts[0] == texts[1], step
        the_worker_is_gone(database)
        place = (step, "answered" if is_carried_out else "not sent")
        assert scene.state(database) == run.wanted(step, is_carried_out), place
        if database.value("SELECT count(*) FROM signing_keys"):
            scene.assert_sound(database, settled=False)
        a_minute_passes(database)
        scene.run_once(database)
        assert scene.state(database) == run.end, place
        scene.assert_sound(database)
    finally:
        if worker is not None:
            worker.communicate()
        database.drop()

