// The public face of scheduler/.
export { readSchedulerConfiguration, SchedulerConfigurationError, type SchedulerSettings } from "./config/configuration.ts";
export { createScheduler, type Scheduler, type SchedulerOptions } from "./scheduler.ts";
