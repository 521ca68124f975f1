// The public face of scheduler/.
export { createScheduler, type Scheduler, type SchedulerOptions } from "./scheduler.ts";
