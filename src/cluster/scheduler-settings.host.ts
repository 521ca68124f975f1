// The scheduler's configuration file, as the user named it.
import { readFile } from "node:fs/promises";
import { readSchedulerConfiguration, SchedulerConfigurationError, type SchedulerSettings } from "../scheduler/index.ts";
import { OptionsError } from "./options.ts";

/** Throws `OptionsError` that names the file for one that cannot be read or is not right. */
export async function readSchedulerSettings(path: string): Promise<SchedulerSettings> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new OptionsError(`--scheduler-config: ${error instanceof Error ? error.message : String(error)}`);
  }
  try {
    return readSchedulerConfiguration(text);
  } catch (error) {
    if (error instanceof SchedulerConfigurationError) throw new OptionsError(`--scheduler-config: ${path}: ${error.message}`);
    throw error;
  }
}
