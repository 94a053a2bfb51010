/** Where systemd puts what it hands to a service (LoadCredential=, LoadCredentialEncrypted=): a folder for each unit. */
const CREDENTIALS = "/run/credentials/";

const GROUP_AND_OTHERS = 0o077;
const OTHERS = 0o007;

/** Whether a file is a systemd credential: nobody but systemd writes it, and it is gone when the service is. */
export function isCredential(file: string): boolean {
  return file.startsWith(CREDENTIALS);
}

/**
 * Whether others than those it is for may read a file. A credential's group bits are the mask of the access list by which
 * systemd lets the user of the service in.
 */
export function mayOthersRead(file: string, mode: number): boolean {
  return (mode & (isCredential(file) ? OTHERS : GROUP_AND_OTHERS)) !== 0;
}
