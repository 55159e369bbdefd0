SET LOCAL ROLE breezeway_owner;

-- How far each workspace's control data has come. Every change to it adds one.
CREATE TABLE workspace_epochs (
    workspace_id uuid NOT NULL,
    epoch bigint NOT NULL DEFAULT 0,
    CONSTRAINT workspace_epochs_pkey PRIMARY KEY (workspace_id)
);

-- One row for each change of control data, written by a trigger in the transaction that makes the change.
-- Readers follow it by transaction id from a snapshot's xmin, never by "id greater than the last":
-- ids are handed out before commits, so a row may appear below one that was already read.
CREATE TABLE changes (
    id bigint GENERATED ALWAYS AS IDENTITY,
    workspace_id uuid NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    epoch bigint NOT NULL,
    topic text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT changes_pkey PRIMARY KEY (workspace_id, id)
);
-- Serves the change feed: WHERE xid >= cursor.
CREATE INDEX changes_xid ON changes (xid);

-- The running processes, and how far each has applied each workspace's changes.
CREATE TABLE nodes (
    id uuid NOT NULL,
    service text NOT NULL CONSTRAINT nodes_service CHECK (service IN ('token-exchange', 'sso-admin', 'key-rotator')),
    host text NOT NULL CONSTRAINT nodes_host CHECK (length(host) <= 255),
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    CONSTRAINT nodes_pkey PRIMARY KEY (id)
);
CREATE TABLE node_epochs (
    workspace_id uuid NOT NULL,
    node_id uuid NOT NULL,
    epoch bigint NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT node_epochs_pkey PRIMARY KEY (workspace_id, node_id),
    CONSTRAINT node_epochs_node FOREIGN KEY (node_id) REFERENCES nodes (id) ON DELETE CASCADE
);
-- Serves the removal of a node that is gone.
CREATE INDEX node_epochs_node_id ON node_epochs (node_id);

-- When the worker next has something to do for a workspace. A new workspace is due at once: it has no key.
CREATE TABLE key_schedule (
    workspace_id uuid NOT NULL,
    next_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT key_schedule_pkey PRIMARY KEY (workspace_id)
);
-- Serves the worker's claim: the longest due first.
CREATE INDEX key_schedule_next_at ON key_schedule (next_at);

-- Runs on every change of control data; the argument names the column that holds the workspace.
-- Definer's rights: a service may change an app without any right to the epoch or to the feed.
CREATE FUNCTION record_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    workspace uuid;
    next_epoch bigint;
BEGIN
    IF TG_TABLE_NAME = 'workspaces' THEN
        workspace := CASE WHEN TG_OP = 'DELETE' THEN OLD.id ELSE NEW.id END;
    ELSE
        workspace := CASE WHEN TG_OP = 'DELETE' THEN OLD.workspace_id ELSE NEW.workspace_id END;
    END IF;
    INSERT INTO workspace_epochs AS current (workspace_id, epoch)
    VALUES (workspace, 1)
    ON CONFLICT (workspace_id) DO UPDATE SET epoch = current.epoch + 1
    RETURNING epoch INTO next_epoch;
    INSERT INTO changes (workspace_id, epoch, topic) VALUES (workspace, next_epoch, TG_TABLE_NAME);
    RETURN NULL;
END
$$;
