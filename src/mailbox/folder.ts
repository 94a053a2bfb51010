import type { Brand } from "../base/brand.ts";

/** A folder: a word of `STANDARD_FOLDERS`, or a random name. */
export type FolderId = Brand<string, "FolderId">;

/** The folders that every mailbox has, in the order in which people see them (RFC 6154). */
export const STANDARD_FOLDERS = ["inbox", "drafts", "sent", "archive", "junk", "trash"] as const;
export type StandardFolder = (typeof STANDARD_FOLDERS)[number];

/** A standard folder as an ID. */
export function standardFolder(word: StandardFolder): FolderId {
  return word as string as FolderId;
}

/** `name`: of a user's own folder, undefined while the mailbox is closed to its keys. */
export type Folder = {
  readonly id: FolderId;
  readonly standard: StandardFolder | undefined;
  readonly name: string | undefined;
  readonly messages: number;
  readonly unseen: number;
};

/** Why a folder is not made, renamed or removed. */
export type FolderRefusal = {
  readonly kind: "closed" | "bad-name" | "name-taken" | "too-many" | "no-folder" | "not-empty";
};
