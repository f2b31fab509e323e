// SPDX-License-Identifier: Apache-2.0
// What is wrong with prices, and why something cannot be billed.
import type { ProblemCodes } from './entry.ts';

export const billingCodes = {
  PRICE_BOOK_INVALID: { summary: 'A price book says prices that cannot be reckoned with.', fix: 'correct the field named' },
  PRICE_BOOK_RETIRED: { summary: 'A price book that has ended was to price something.', fix: 'give the versions that were in effect then' },
  PRICE_BOOK_NONE: {
    summary: 'No price book was in effect when the period or cycle began.',
    fix: 'give every version that a running cycle began with; effectiveFrom says since when each holds',
  },
  PRICE_BOOK_CONFLICT: {
    summary: 'Two price books have the same version and differ.',
    fix: 'a version that was ever in effect stays as it is: seal a change under the next number',
  },
  BILL_CURRENCY: {
    summary: 'One invoice would hold two currencies.',
    fix: 'keep the currency within a price book; end the subscription to change it',
  },
  BILL_TIER_UNKNOWN: {
    summary: 'The price book does not sell that tier, or not by that cycle.',
    fix: 'add the tier and its fee to the price book, or change the subscription',
  },
  BILL_SUBSCRIPTION_INVALID: {
    summary: 'The facts of a subscription are none, or contradict each other.',
    fix: 'correct the field that is named',
  },
  BILL_NO_BOUNDARY: {
    summary: 'No invoice falls due at that moment.',
    fix: 'ask for the beginning of a cycle or the first of a month (UTC), which ends the month before; adjustments that came after the end of the subscription are settled each month after it',
  },
  BILL_STATEMENT_MISSING: {
    summary: 'There is no usage statement of the calendar month that is billed.',
    fix: 'give the statement of the month that is named',
  },
  BILL_STATEMENT_INVALID: {
    summary: 'A usage statement is not one, or speaks of another tenant, or of quantities that cannot be.',
    fix: 'take the statement as `writ usage report --output json` writes it',
  },
  BILL_STATEMENT_CONFLICT: {
    summary: 'Two usage statements of one period have one revision and say different things.',
    fix: 'give the one that the ledger made; its signature says which',
  },
  BILL_STATEMENT_UNSIGNED: {
    summary: 'An invoice was to be signed, or checked, by statements of use that nobody signed who is named.',
    fix: 'give the public key by --statement-key, and the bundle beside each statement as the operator writes it; without one `writ bill preview` shows what they come to',
  },
  BILL_SUBSCRIPTION_UNSIGNED: {
    summary: 'The file of a subscription lacks the signature of somebody who must have approved it.',
    fix: 'let each of them sign the file as it is: `cosign sign-blob --key KEY --bundle FILE.WHO.sigstore.json FILE`',
  },
  BILL_CUSTOMER_SHARED: {
    summary: 'Two tenants name one customer of the payment provider; the one that came later is not reported, and not subscribed.',
    fix: 'give each tenant a customer of its own (`kubectl get tenants -o yaml` shows who names it too); what was used meanwhile is reported then, 34 days back',
  },
  BILL_CUSTOMER_UNKNOWN: {
    summary: 'spec.billing.customerRef names a customer that the payment provider does not have, or has deleted.',
    fix: 'correct spec.billing.customerRef, or take it away: with provider: Stripe a customer is made then',
  },
  BILL_CUSTOMER_TWICE: {
    summary: 'The payment provider has several customers that bear the name of one tenant.',
    fix: 'name the one that counts in spec.billing.customerRef, and delete the others there',
  },
  BILL_CUSTOMER_FORMER: {
    summary: 'The customer at the payment provider is that of an earlier Tenant of the name, and is not taken over unasked.',
    fix: 'where it is the same tenant, restored, name that customer in spec.billing.customerRef and keep it there; where it is another one, name a customer of its own, made at the provider',
  },
  BILL_CUSTOMER_KEPT: {
    summary: 'spec.billing.customerRef is another one than that of the subscription that runs.',
    fix: 'set it back; or take spec.billing.provider away until the month is over, and give both again then',
  },
  BILL_PROVIDER_NONE: {
    summary:
      'A Tenant orders a subscription at a payment provider, and this operator can keep none: nothing is made, reported or ended there.',
    fix: 'run the operator with --ledger and --stripe-secret, and put stripe-key into that Secret; or take spec.billing.provider away',
  },
  BILL_PRICE_MISSING: {
    summary: 'A tier cannot be subscribed, since a price that it needs is not at the payment provider.',
    fix: 'run the operator with --stripe-prices, which makes them; a price that cannot be said there is named in its log',
  },
  BILL_SUBSCRIPTION_REFUSED: {
    summary: 'The payment provider refuses to make or change what a Tenant orders.',
    fix: 'correct what it says, at the provider or in spec.billing of the Tenant; it is tried again every ten minutes',
  },
  BILL_SUBSCRIPTION_DIFFERS: {
    summary: 'A subscription at the payment provider is not what the Tenant orders.',
    fix: 'see who changed it there, or bring the order up to date; a subscription that Writ keeps is put right with the next month',
  },
  BILL_SUBSCRIPTION_TWICE: {
    summary: 'A customer has more subscriptions to the prices of the price book than one, and would pay for use twice.',
    fix: 'end all but one at the payment provider: whichever was not made by Writ, where one was',
  },
  BILL_SUBSCRIPTION_GONE: {
    summary: 'A subscription that Writ keeps was ended at the payment provider by somebody else.',
    fix: 'take spec.billing.provider away and, a minute later, give it again to subscribe anew',
  },
  BILL_STATEMENT_WAITING: {
    summary: 'The statement of a frozen month is not settled: the payment provider is to bill it, and does not count all of it.',
    fix: 'see `writ bill reconcile` and writ_billing_reports; bill by hand what it cannot take any more',
  },
  BILL_DRAFT_UNSEEN: {
    summary: 'An invoice of a customer could not be looked at, or not be put off; it may become final as it is.',
    fix: 'correct spec.billing.customerRef, or look at the invoice at the payment provider',
  },
  BILL_REPORT_CHANGED: {
    summary: 'A report of use is not what was written when its identifier was made: nothing is sent under that.',
    fix: 'see who wrote to the database of the ledger, and what the provider counts of that hour; bill the hour by its statement',
  },
  BILL_DRAFT_UNREAD: {
    summary: 'The payment provider did not say what it counts of hours of an invoice, which is kept from becoming final.',
    fix: 'see whether the key may read meters, and what the provider answers; it is compared again each day',
  },
  BILL_DRIFT: {
    summary: 'The payment provider counts hours otherwise than the ledger, and the invoice is kept from becoming final.',
    fix: 'see which hours were set aside, and who else reports for this customer; it is compared again each day',
  },
  BILL_MONTH_UNPRICED: {
    summary: 'No price book was in effect when the month began, so nothing of it is reported.',
    fix: 'seal a version whose effectiveFrom is the first of that month, or bill it by its statement',
  },
  BILL_UNIT: {
    summary: 'Usage is measured in another unit than it is priced in.',
    fix: 'set the unit of the meter in the price book to that of the statements',
  },
  BILL_ADJUSTMENT_INVALID: {
    summary: 'A credit, charge or refund lacks what makes it accountable.',
    fix: 'give it an id, an amount above 0, a reason and an approver who is not the one who asked, whatever blanks and case',
  },
  BILL_ADJUSTMENT_CONFLICT: {
    summary: 'Two adjustments of a tenant have one id and say different things.',
    fix: 'give each an id of its own; those of SLA statements begin with sla-',
  },
  BILL_REFUND_INVALID: {
    summary: 'A refund is of no earlier invoice of the tenant, or of more than that came to.',
    fix: 'name the invoice by its id, TENANT/2026-11-01T00:00:00Z, and give back no more than it came to, all refunds of it together',
  },
  BILL_CARRY_BROKEN: {
    summary: 'A credit that one invoice leaves to the next cannot go there: the invoice before cannot be read, or a later one is closed.',
    fix: 'put the invoice before back as it was signed; close invoices in the order of time, and enter by hand what a closed one cannot take',
  },
  BILL_CREDIT_FOREIGN: {
    summary: 'An SLA statement was given to the bill of another tenant than it is for.',
    fix: 'give by --sla the statements of the tenant of the subscription alone',
  },
  BILL_AMOUNT_RANGE: { summary: 'An amount is too large to be written exactly.', fix: 'look for a mistake in prices or quantities' },
  BILL_PRICES_UNCHECKED: {
    summary: 'An invoice or an SLA statement was to be signed from prices whose seal nobody checked.',
    fix: 'give the trust policy by --trust; without it `writ bill preview` and `writ slo statement` without --out show what would be signed',
  },
  BILL_TENANT_UNKNOWN: {
    summary: 'An invoice or an SLA statement was to be made for a tenant that the ledger has never heard of.',
    fix: 'correct `tenant` in the subscription, or name the ledger in which its use is; what is not in a ledger is given by --statement',
  },
  BILL_LEDGER_LATER: {
    summary: 'A month was to be billed, or its service levels stated, that was over before the ledger began.',
    fix: 'give the statement of that month by --statement; or name the ledger that holds it; service levels of that month cannot be stated',
  },
  BILL_MONTH_OPEN: {
    summary: 'An invoice was asked for of a month whose statement can still change.',
    fix: 'wait until the month is frozen, two days after its end, and take the statement again; `writ bill preview` shows how it stands',
  },
  BILL_CLOSED: {
    summary: 'An invoice that was issued would say something else now.',
    fix: 'an invoice is never changed: correct it by a credit or charge on the next; take the same statements and prices to make it again',
  },
  BILL_DIFFERS: {
    summary: 'An invoice is not what prices and use come to.',
    fix: 'see which of prices, subscription and statements is another one than it names, and whether the file was changed',
  },
  BILL_RECORD_DIFFERS: {
    summary: 'An invoice or SLA statement is on record, and its file says something else, or is gone.',
    fix: 'find the file that has the digest on record and put it back; see who could write to the folder, and what was billed by the other one',
  },
  BILL_UNSIGNED: {
    summary: 'An invoice has no signature that this key verifies.',
    fix: 'give the public key of whoever closed it; one that was never signed is finished by closing it again',
  },
  BILL_STATEMENT_TAKEN: {
    summary: 'The file of a signed statement is there and says something else.',
    fix: 'find out who wrote it and whether anybody billed by it; once it is moved away the statement is written',
  },
  BILL_EVENT_SIGNATURE: {
    summary: 'A delivery to /hook/stripe is not signed by a secret that counts, or its time is more than five minutes off.',
    fix: "put the endpoint's signing secret into webhook-secret of the Secret; keep the old one on a line of its own until it has expired",
  },
  BILL_EVENT_INVALID: {
    summary: 'A delivery to /hook/stripe is no event, or one of the other mode.',
    fix: 'point the endpoint of the same mode here as --stripe-mode says',
  },
  BILL_EVENT_TOO_LARGE: { summary: 'A delivery to /hook/stripe is larger than any event.', fix: 'send events of Stripe alone' },
  BILL_EVENT_UNAVAILABLE: {
    summary: 'This process takes no events of Stripe at the moment: it does not lead, its ledger is closed, or webhook-secret is missing.',
    fix: 'none where another replica leads: Stripe sends it again; else see writ_billing_up and the log',
  },
  BILL_SET_ASIDE: {
    summary: 'The payment provider refused the use of an hour, or counts it otherwise.',
    fix: 'correct what the note says, at the provider or in spec.billing of the Tenant; the invoice waits until both agree',
  },
} as const satisfies ProblemCodes;
