/** The folder that a command is about. */
import { STANDARD_FOLDERS, type StandardFolder } from "../mailbox/mailbox.ts";
import { UsageError, type Call, type Option } from "./command.ts";

/** The option that names one of the folders that every mailbox has. */
export const FOLDER: Option = {
  value: STANDARD_FOLDERS.join("|"),
  help: "the messages of this folder (default: inbox, with what waits)",
};

/** The folder that was given, or the inbox. @throws UsageError for another word. */
export function folderGiven(call: Call): StandardFolder {
  const given = call.option("folder") ?? "inbox";
  const folder = STANDARD_FOLDERS.find((word) => word === given);
  if (folder === undefined) throw new UsageError(`--folder takes ${STANDARD_FOLDERS.join(", ")}`);
  return folder;
}
