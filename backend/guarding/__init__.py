"""Who may read a patient's data, and for how long it stays: access, copies, exports, holds."""
