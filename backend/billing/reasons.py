"""Why a reading does not count and why a code is blocked, in the order in which reasons apply.

Names and order are those of the rule table, 1g; STRADDLES_MIDNIGHT and BETWEEN_PERIODS are ours,
for which it has none. The words are ours, as the descriptors of the codes are licensed.
"""

from __future__ import annotations

from enum import StrEnum


class Exclusion(StrEnum):
    """Why a reading is not counted; the first that applies is given."""

    NOT_A_MEASUREMENT = "NOT_A_MEASUREMENT"
    INVALID_READING = "INVALID_READING"
    NOT_DEVICE_CAPTURED = "NOT_DEVICE_CAPTURED"
    DEVICE_NOT_QUALIFIED = "DEVICE_NOT_QUALIFIED"
    UNATTRIBUTED = "UNATTRIBUTED"
    MANUAL_ENTRY_RPM = "MANUAL_ENTRY_RPM"
    DATA_TYPE_MISMATCH = "DATA_TYPE_MISMATCH"
    NO_OFFSET = "NO_OFFSET"
    NOT_RECEIVED_YET = "NOT_RECEIVED_YET"
    LATE_AFTER_LOCK = "LATE_AFTER_LOCK"
    CLOCK_FAULT = "CLOCK_FAULT"
    FUTURE_TIMESTAMP = "FUTURE_TIMESTAMP"
    STRADDLES_MIDNIGHT = "STRADDLES_MIDNIGHT"
    BETWEEN_PERIODS = "BETWEEN_PERIODS"
    NOT_ASSIGNED = "NOT_ASSIGNED"
    BEFORE_START = "BEFORE_START"
    AFTER_REVOCATION = "AFTER_REVOCATION"
    INPATIENT = "INPATIENT"
    DUPLICATE = "DUPLICATE"


class Block(StrEnum):
    """Why a code is not billable; the first that applies is given, or a reading's `Exclusion`."""

    BILLER_NOT_ELIGIBLE = "BILLER_NOT_ELIGIBLE"
    NO_ORDER = "NO_ORDER"
    NO_CONSENT = "NO_CONSENT"
    NOT_ESTABLISHED_PATIENT = "NOT_ESTABLISHED_PATIENT"
    NO_TREATMENT_PLAN = "NO_TREATMENT_PLAN"
    RPM_RTM_UNRESOLVED = "RPM_RTM_UNRESOLVED"
    RPM_RTM_CONFLICT = "RPM_RTM_CONFLICT"
    OTHER_PRACTITIONER = "OTHER_PRACTITIONER"
    GLOBAL_PERIOD = "GLOBAL_PERIOD"
    ACCESS_MODEL_EXCLUSIVE = "ACCESS_MODEL_EXCLUSIVE"
    PAYER_POLICY_HOLD = "PAYER_POLICY_HOLD"

    RULESET_UNVERIFIED = "RULESET_UNVERIFIED"

    CGM_95250_OVERLAP = "CGM_95250_OVERLAP"
    ALREADY_BILLED_EPISODE = "ALREADY_BILLED_EPISODE"
    NO_SETUP_EDUCATION = "NO_SETUP_EDUCATION"
    NOT_FIRST_PERIOD = "NOT_FIRST_PERIOD"
    CODE_NOT_EFFECTIVE = "CODE_NOT_EFFECTIVE"
    PERIOD_OPEN = "PERIOD_OPEN"
    DAYS_BELOW_2 = "DAYS_BELOW_2"
    DAYS_BELOW_16 = "DAYS_BELOW_16"
    USE_16_30_CODE = "USE_16_30_CODE"
    SETUP_MIN_UNCONFIRMED = "SETUP_MIN_UNCONFIRMED"
    SPANS_RULE_CHANGE = "SPANS_RULE_CHANGE"
    NO_SUPPLY_CODE = "NO_SUPPLY_CODE"

    MONTH_OPEN = "MONTH_OPEN"
    NO_DATA_TO_MANAGE = "NO_DATA_TO_MANAGE"
    NOT_QHP_TIME = "NOT_QHP_TIME"
    MINUTES_BELOW_10 = "MINUTES_BELOW_10"
    MINUTES_BELOW_20 = "MINUTES_BELOW_20"
    MINUTES_BELOW_30 = "MINUTES_BELOW_30"
    MINUTES_BELOW_40 = "MINUTES_BELOW_40"
    NO_INTERACTIVE_COMMUNICATION = "NO_INTERACTIVE_COMMUNICATION"
    USE_20_MIN_CODE = "USE_20_MIN_CODE"
    CONFLICT_99457 = "CONFLICT_99457"


Reason = Block | Exclusion

WORDS: dict[str, str] = {
    "NOT_A_MEASUREMENT": "A heartbeat, battery, status or alert message is no measurement.",
    "INVALID_READING": "The device itself reports that the measurement failed.",
    "NOT_DEVICE_CAPTURED": "It was written down or told, and no medical device captured it.",
    "DEVICE_NOT_QUALIFIED": "No evidence on file that the device is a medical device (201(h)).",
    "UNATTRIBUTED": "It is not certain that this patient was measured.",
    "MANUAL_ENTRY_RPM": "Values entered by hand never count in physiologic monitoring.",
    "DATA_TYPE_MISMATCH": "Data of this kind do not belong to the programme.",
    "NO_OFFSET": "Its time names no zone, so its day is not known.",
    "NOT_RECEIVED_YET": "It had not been received when the verdict was asked for.",
    "LATE_AFTER_LOCK": "It was received after the claim for its period was locked.",
    "CLOCK_FAULT": "The clock was wrong by an unknown amount and the reading was not live.",
    "FUTURE_TIMESTAMP": "Its time is more than 300 seconds after it was received.",
    "STRADDLES_MIDNIGHT": "It can have been measured on either of two dates.",
    "BETWEEN_PERIODS": "The patient moved zone: it lies in the seam between two periods.",
    "NOT_ASSIGNED": "The device was not this patient's on that day.",
    "BEFORE_START": "It was measured before the order, the consent or the set-up.",
    "AFTER_REVOCATION": "It was measured on or after the day on which consent was revoked.",
    "INPATIENT": "The patient was in hospital that day.",
    "DUPLICATE": "It is the same reading once more.",
    "BILLER_NOT_ELIGIBLE": "The biller's profession cannot bill this programme.",
    "NO_ORDER": "No order is on file.",
    "NO_CONSENT": "No consent is on file.",
    "NOT_ESTABLISHED_PATIENT": "RPM needs an established patient.",
    "NO_TREATMENT_PLAN": "RTM needs a treatment plan.",
    "RPM_RTM_UNRESOLVED": "RPM and RTM overlap and the practice has elected neither.",
    "RPM_RTM_CONFLICT": "RPM and RTM overlap and the practice has elected the other one.",
    "OTHER_PRACTITIONER": "Another practitioner has billed remote monitoring for these dates.",
    "GLOBAL_PERIOD": "The biller is paid a surgical global period that covers this monitoring.",
    "ACCESS_MODEL_EXCLUSIVE": "The ACCESS model pays this organisation for the same condition.",
    "PAYER_POLICY_HOLD": "The payer's policy is unknown or does not cover this condition.",
    "RULESET_UNVERIFIED": "No rule set that a person has signed covers this date of service.",
    "CGM_95250_OVERLAP": "A more specific code for continuous glucose data is paid already.",
    "ALREADY_BILLED_EPISODE": "Set-up was billed already in this episode of care.",
    "NO_SETUP_EDUCATION": "Set-up and education are not both documented.",
    "NOT_FIRST_PERIOD": "Set-up belongs to the first period of the episode.",
    "CODE_NOT_EFFECTIVE": "The code did not exist on the date of service.",
    "PERIOD_OPEN": "The 30 days have not ended where the patient lives.",
    "DAYS_BELOW_2": "Fewer than 2 qualifying days.",
    "DAYS_BELOW_16": "Fewer than 16 qualifying days.",
    "USE_16_30_CODE": "With 16 days or more the long code is billed in its place.",
    "SETUP_MIN_UNCONFIRMED": "Enough days under one reading of CPT 2026, too few under another.",
    "SPANS_RULE_CHANGE": "The period crosses a year and the two years' rules disagree.",
    "NO_SUPPLY_CODE": "No supply code exists for the therapy that is monitored.",
    "MONTH_OPEN": "The month has not ended where the practice is.",
    "NO_DATA_TO_MANAGE": "No counted day in the month or in the 29 days before it.",
    "NOT_QHP_TIME": "No time of a physician or other qualified professional in person.",
    "MINUTES_BELOW_10": "Fewer than 10 minutes in the month.",
    "MINUTES_BELOW_20": "Fewer than 20 minutes in the month.",
    "MINUTES_BELOW_30": "Fewer than 30 minutes in the period.",
    "MINUTES_BELOW_40": "Fewer than 40 minutes in the month.",
    "NO_INTERACTIVE_COMMUNICATION": "No live two-way talk with patient or caregiver in the month.",
    "USE_20_MIN_CODE": "With 20 minutes or more the 20-minute code is billed in its place.",
    "CONFLICT_99457": "It is not billed beside 99457 or 99458.",
}

# The row of the rule table that a reason comes from; the others come from the row of the code.
ROWS: dict[str, str] = {
    "NOT_A_MEASUREMENT": "R-DAY-6",
    "INVALID_READING": "R-DAY-1",
    "NOT_DEVICE_CAPTURED": "R-DAY-5",
    "DEVICE_NOT_QUALIFIED": "R-DEV-FDA",
    "UNATTRIBUTED": "R-DAY-1",
    "MANUAL_ENTRY_RPM": "R-DAY-4",
    "DATA_TYPE_MISMATCH": "1d",
    "NO_OFFSET": "R-DAY-2",
    "NOT_RECEIVED_YET": "R-DAY-3",
    "LATE_AFTER_LOCK": "R-DAY-3",
    "CLOCK_FAULT": "R-DAY-3",
    "FUTURE_TIMESTAMP": "R-DAY-3",
    "STRADDLES_MIDNIGHT": "R-DAY-2",
    "BETWEEN_PERIODS": "R-DAY-2",
    "NOT_ASSIGNED": "R-DAY-1",
    "BEFORE_START": "R-PER-1",
    "AFTER_REVOCATION": "R-CONS",
    "INPATIENT": "R-INP",
    "DUPLICATE": "R-DAY-1",
    "BILLER_NOT_ELIGIBLE": "R-WHO",
    "NO_ORDER": "R-ORD",
    "NO_CONSENT": "R-CONS",
    "NOT_ESTABLISHED_PATIENT": "R-EST",
    "NO_TREATMENT_PLAN": "R-EST",
    "RPM_RTM_UNRESOLVED": "R-NOTBOTH",
    "RPM_RTM_CONFLICT": "R-NOTBOTH",
    "OTHER_PRACTITIONER": "R-ONE",
    "GLOBAL_PERIOD": "R-GLOB",
    "ACCESS_MODEL_EXCLUSIVE": "R-ACCESS",
    "PAYER_POLICY_HOLD": "R-PAY",
    "RULESET_UNVERIFIED": "R-EFF",
    "CGM_95250_OVERLAP": "R-CGM",
    "ALREADY_BILLED_EPISODE": "R-SET-1",
    "NO_SETUP_EDUCATION": "R-SET-1",
    "NOT_FIRST_PERIOD": "R-SET-2",
    "PERIOD_OPEN": "R-PER-4",
    "USE_16_30_CODE": "R-DEV-X",
    "SPANS_RULE_CHANGE": "R-EFF",
    "NO_SUPPLY_CODE": "1d",
    "MONTH_OPEN": "R-MGT-MONTH",
    "NO_DATA_TO_MANAGE": "R-MGT-NODAYS",
    "NOT_QHP_TIME": "R-99091",
    "NO_INTERACTIVE_COMMUNICATION": "R-MGT-LIVE",
    "USE_20_MIN_CODE": "R-MGT-10",
    "CONFLICT_99457": "R-99091",
}
