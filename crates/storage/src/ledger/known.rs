//! What this process wrote last, of wallets and open holds. Others may have written since; whoever relies on it has the write find
//! out.

use domain::{
    id::{AccountId, GenerationId, KeyId},
    ledger::{
        Changes, Command, KeyUse, KeyUseChange, Loaded, NewHold, SettledHold, StoredHold, Wallet,
        WalletChange,
    },
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Accounts, and holds, at most. When there are more, all are forgotten: to read them again costs less than to keep in mind which
/// of them was used last.
const MOST: usize = 10_000;

#[derive(Default)]
pub(super) struct Known {
    accounts: HashMap<AccountId, Account>,
    holds: HashMap<(AccountId, GenerationId), StoredHold>,
}

/// They are remembered and forgotten together: the wallet's guards vouch for what its keys have used as well. Each hold raises what its
/// windows count (`domain::ledger::RateWindows`), whether anything is limited or not, and no end of one lowers that; so a wallet that
/// is as it was has had none.
struct Account {
    wallet: Wallet,
    key_uses: BTreeMap<KeyId, KeyUse>,
}

impl Known {
    /// What is known of what `commands` touch.
    pub(super) fn of<Done>(&self, commands: &[Command<Done>]) -> Loaded {
        let mut loaded = Loaded::default();
        let ids: BTreeSet<AccountId> = commands.iter().map(Command::account_id).collect();
        for (id, account) in ids.iter().filter_map(|id| Some((id, self.accounts.get(id)?))) {
            loaded.wallets.push(account.wallet.clone());
            loaded.key_uses.extend(account.key_uses.iter().map(|(key_id, used)| ((*id, *key_id), *used)));
        }
        for key in commands.iter().filter_map(touches) {
            loaded.holds.extend(self.holds.get(&key).map(|hold| (key, hold.clone())));
        }
        loaded
    }

    /// Remembers wallets as they were read.
    pub(super) fn read(&mut self, wallets: &[Wallet]) {
        for wallet in wallets {
            self.put(wallet.clone());
        }
    }

    /// Remembers what is being written. If that fails, it must be forgotten.
    pub(super) fn written<Done>(&mut self, changes: &Changes<Done>) {
        for WalletChange { after, .. } in &changes.wallets {
            self.put(after.clone());
        }
        for KeyUseChange { account_id, key_id, after } in &changes.key_uses {
            if let Some(account) = self.accounts.get_mut(account_id) {
                account.key_uses.insert(*key_id, *after);
            }
        }
        for hold in &changes.holds {
            self.begun(hold);
        }
        for SettledHold { ended, .. } in &changes.resolutions {
            self.holds.remove(&(ended.account_id, ended.generation_id));
        }
    }

    fn put(&mut self, wallet: Wallet) {
        if self.accounts.len() >= MOST {
            self.accounts.clear();
        }
        match self.accounts.get_mut(&wallet.account_id) {
            Some(account) => account.wallet = wallet,
            None => {
                let (id, key_uses) = (wallet.account_id, BTreeMap::new());
                self.accounts.insert(id, Account { wallet, key_uses });
            }
        }
    }

    fn begun(&mut self, hold: &NewHold) {
        if self.holds.len() >= MOST {
            self.holds.clear();
        }
        self.holds.insert((hold.request.account_id, hold.request.generation_id), hold.stored());
    }

    /// Forgets all that `commands` touch.
    pub(super) fn forget<Done>(&mut self, commands: &[Command<Done>]) {
        for command in commands {
            self.accounts.remove(&command.account_id());
        }
        for key in commands.iter().filter_map(touches) {
            self.holds.remove(&key);
        }
    }
}

/// The hold that a command takes or ends.
fn touches<Done>(command: &Command<Done>) -> Option<(AccountId, GenerationId)> {
    match command {
        Command::Hold(request) => Some((request.account_id, request.generation_id)),
        Command::Resolve(ended) => Some((ended.account_id, ended.generation_id)),
        _ => None,
    }
}
