//! Opening accounts, giving and taking tokens, and looking.

use crate::simulation::{
    driver::Simulation,
    model::{Account, Doing, State, prices::PLANS},
};
use app::{AuditNote, Caller, CreateAccount, Error, HistoryFilter, HistoryRequest};
use domain::id::{AccountId, GenerationId, KeyId};
use rand::RngExt;

pub fn note(command: &str) -> AuditNote {
    AuditNote {
        operator: "simulation".to_owned(),
        command: command.to_owned(),
        account_id: None,
        details: None,
        reason: None,
    }
}

impl Simulation {
    /// As the account's key would have it.
    pub fn caller(&self, id: i64) -> Caller {
        let account = &self.model.accounts[&id];
        Caller {
            account_id: AccountId(id),
            key_id: Some(KeyId(account.key_id)),
            plan: account.plan(self.now_ms()).to_owned(),
            key_budget_tokens: None,
            key_expires_at: None,
        }
    }

    pub fn open_account(&mut self) {
        if self.model.accounts.len() >= 12 {
            return;
        }
        self.opened += 1;
        let plan = PLANS[self.rng.random_range(0..PLANS.len())].slug;
        let tokens = if self.rng.random_bool(0.6) { self.rng.random_range(1..400) } else { 0 };
        let email = format!("person-{}@example.org", self.opened);
        let request = CreateAccount { email: email.clone(), plan: plan.to_owned(), tokens };
        let app = self.app();
        let mut doing = Doing { opens: Some((plan.to_owned(), tokens)), ..Doing::default() };
        let created = self.attempt(&mut doing, async move { app.create_account(request).await });
        let ids = match created {
            Some(Ok(created)) => Some((created.account_id.0, created.key.id.0)),
            Some(Err(error)) => return self.assert(vec![format!("it is not opened: {error}")], &doing),
            // Whether it is there its owner finds out when another process runs.
            None => self.find_account(&email),
        };
        if let Some((id, key_id)) = ids {
            doing.account = id;
            self.model.accounts.insert(id, Account::new(id, key_id));
        }
        self.look(&doing);
    }

    fn find_account(&mut self, email: &str) -> Option<(i64, i64)> {
        let death = self.world.points.take_death();
        let (app, email) = (self.app(), email.to_owned());
        let found = self.process().run(async move {
            let account = app.account_by_email(&email).await?;
            app.account_overview(account.id).await
        });
        if let Some(point) = death {
            self.note_death(point);
        }
        match found {
            Some(Ok(found)) => Some((found.account.id.0, found.keys[0].id.0)),
            Some(Err(Error::NotFound(_))) => None,
            other => panic!("an account that cannot be read: {:?}", other.map(|found| found.err())),
        }
    }

    pub fn give_tokens(&mut self) {
        let (id, tokens) = (self.pick_account(), self.rng.random_range(1..300));
        let must = self.model.accounts[&id].spendable_with(self.now_ms(), tokens);
        let app = self.app();
        let mut doing = Doing { account: id, gives: Some(tokens), ..Doing::default() };
        let given = self.attempt(&mut doing, async move {
            app.grant_noted(AccountId(id), tokens, note("account grant")).await
        });
        let given = self.expect(given);
        self.look(&doing);
        if let Some(balance) = given.filter(|balance| *balance != must) {
            self.assert(vec![format!("the balance is told as {balance}, and must be {must}")], &doing);
        }
    }

    pub fn take_tokens(&mut self) {
        let (id, tokens) = (self.pick_account(), self.rng.random_range(1..200));
        let free = self.model.accounts[&id].free_permanent();
        let app = self.app();
        let mut doing = Doing { account: id, takes: Some(tokens), ..Doing::default() };
        let taken = self.attempt(&mut doing, async move {
            app.take_noted(AccountId(id), tokens, note("account take")).await
        });
        self.look(&doing);
        match taken {
            Some(Ok(_)) if tokens <= free => {}
            Some(Err(Error::Validation(_))) if tokens > free => self.report.count("take refused"),
            None => {}
            other => self.assert(vec![format!("{tokens} of {free} taken: {other:?}")], &doing),
        }
    }

    pub fn give_charge_back(&mut self) {
        let id = self.pick_account();
        let account = &self.model.accounts[&id];
        let ended = account.generations.iter().filter(|(_, generation)| generation.state != State::Open);
        let ended: Vec<i64> = ended.map(|(id, _)| *id).rev().take(20).collect();
        let Some(generation_id) = self.pick(&ended) else { return };
        let account = &self.model.accounts[&id];
        let (known, plan_back) =
            (account.generations[&generation_id].clone(), account.plan_back(self.now_ms(), generation_id));
        let app = self.app();
        let mut doing = Doing { account: id, uncharges: Some(generation_id), ..Doing::default() };
        let refunded = self.attempt(&mut doing, async move {
            app.refund_generation(AccountId(id), GenerationId(generation_id), note("generation refund")).await
        });
        self.look(&doing);
        let comes_back = plan_back + known.permanent;
        let is_right = match &refunded {
            None => true,
            Some(Ok(refunded)) => {
                known.state == State::Completed
                    && refunded.is_first != known.is_refunded
                    && (known.is_refunded
                        || refunded.split.plan_tokens + refunded.split.permanent_tokens == comes_back)
            }
            Some(Err(_)) => known.state == State::Failed || !known.is_refunded && comes_back == 0,
        };
        if !is_right {
            self.assert(vec![format!("{comes_back} of {known:?} come back: {refunded:?}")], &doing);
        }
    }

    /// What owners are shown.
    pub fn read(&mut self) {
        let id = self.pick_account();
        let (caller, app, now_ms) = (self.caller(id), self.app(), self.now_ms());
        let request = HistoryRequest { filter: HistoryFilter::default(), before: None, offset: 0, limit: 20 };
        let mut doing = Doing::default();
        let shown = self.attempt(&mut doing, async move {
            let balance = app.balance(&caller).await?;
            let history = app.history(&caller, request).await?;
            Ok::<_, Error>((balance, history))
        });
        if let Some((balance, history)) = self.expect(shown) {
            let account = &self.model.accounts[&id];
            let mut wrong = Vec::new();
            let must = (account.spendable(now_ms), account.plan(now_ms));
            if (balance.token_balance, balance.plan.as_str()) != must {
                wrong.push(format!("the balance is shown as {balance:?}, and must be {must:?}"));
            }
            if history.total != u64::try_from(account.generations.len()).unwrap() {
                wrong.push(format!(
                    "{} generations are shown of {}",
                    history.total,
                    account.generations.len()
                ));
            }
            for view in &history.generations {
                let known = account.generations.get(&view.record.id.0);
                let is_right = known.is_some_and(|known| {
                    known.state == State::of(view.record.status) && known.price() == view.record.price_tokens
                });
                if !is_right {
                    wrong.push(format!("shown as {:?}, and must be {known:?}", view.record));
                }
            }
            self.assert(wrong, &"a look");
        }
        self.look(&doing);
    }
}
