SET LOCAL ROLE breezeway_owner;

-- A session is looked up by its id. As long as a partition is small the planner finds this index just as cheap, and
-- keeps that plan while a user gathers thousands of sessions. The condition holds for every row; it keeps the index
-- away from statements that do not compare `user_id`, and open to those that do.
DROP INDEX sessions_user_id;
CREATE INDEX sessions_user_id ON sessions (workspace_id, user_id, app_id) WHERE user_id IS NOT NULL;
