// Every queue that there is, the usual one first. Which of them a worker takes from is a setting.
export const QUEUE_NAMES = ["jobs", "reports"] as const;
export type QueueName = (typeof QUEUE_NAMES)[number];
