import type { Folder } from "./mailbox.ts";

/** The folder that somebody means by its ID, its word or its name; case makes no difference. Names need the reader's keys. */
export function folderNamed(folders: readonly Folder[], given: string): Folder | undefined {
  const wanted = folded(given);
  return (
    folders.find(({ id }) => id === given) ??
    folders.find(({ standard, name }) => folded(standard ?? name ?? "") === wanted)
  );
}

function folded(name: string): string {
  return name.normalize("NFC").trim().toLowerCase();
}
