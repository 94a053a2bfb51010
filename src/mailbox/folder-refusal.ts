/** Why a folder is not made, renamed or removed. */
export type FolderRefusal = {
  readonly kind: "closed" | "bad-name" | "name-taken" | "too-many" | "no-folder" | "not-empty";
};
