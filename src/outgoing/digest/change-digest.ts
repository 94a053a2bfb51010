import { changeOwn, type OwnChange, type OwnChoice } from "../../journal/change-own.ts";
import { updateAccount } from "../../store/accounts/accounts.ts";
import { deleteClearCounts } from "../../store/mail/clear-counts.ts";
import { isDigestOn, type DigestWish } from "../../words/digest.ts";

/** What a user says about their digest; undefined: nothing, so that the installation decides. */
type Wish = Pick<OwnChoice<DigestWish>, "account" | "by"> & {
  readonly wish: DigestWish | undefined;
};

/** Sets what a user said about their digest, with its audit row. Who gets none has nothing counted. */
export async function changeDigest(
  deps: Parameters<typeof changeOwn>[0] & { readonly isDefault: boolean },
  { account, wish, by }: Wish,
): Promise<OwnChange> {
  return changeOwn(deps, {
    account,
    to: wish,
    by,
    action: "digest.changed",
    none: "default",
    before: (read) => read.digest,
    write: async (tx) => {
      await updateAccount(tx, account, { digest: wish ?? null });
      if (!isDigestOn(wish, deps.isDefault)) await deleteClearCounts(tx, account);
    },
  });
}
