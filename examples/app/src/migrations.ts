// The schema, as statements that are applied once each, in order. Only add to the end; never edit an entry.
// Each must leave the previous release of the app working, because it runs while that release still serves.

export interface Migration {
  /** Sorts in the order of application, and is what `schema_migrations` remembers. */
  readonly id: string;
  readonly sql: string;
}

export const migrations: readonly Migration[] = [
  {
    id: "0001-jobs",
    sql: `
      create table jobs (
        id          uuid primary key,
        kind        text not null check (kind in ('sleep', 'cpu')),
        ms          integer not null check (ms between 0 and 60000),
        payload     jsonb,
        state       text not null default 'queued' check (state in ('queued', 'active', 'completed', 'failed')),
        result      jsonb,
        worker      text,
        created_at  timestamptz not null default now(),
        started_at  timestamptz,
        finished_at timestamptz
      )`,
  },
  {
    id: "0002-jobs-runs",
    sql: "alter table jobs add column runs integer not null default 0",
  },
  {
    id: "0003-jobs-open-index",
    sql: "create index jobs_open on jobs (created_at) where state in ('queued', 'active')",
  },
  {
    // Counted by the database: whether a job was completed twice must not be judged by the code that prevents it.
    id: "0004-jobs-completions",
    sql: `
      alter table jobs add column completions integer not null default 0;
      create function count_completion() returns trigger language plpgsql as $$
        begin
          new.completions := old.completions + 1;
          return new;
        end $$;
      create trigger jobs_completions before update of state on jobs
        for each row when (new.state = 'completed') execute function count_completion()`,
  },
];
