"""What people state of patients: entered, kept, corrected and missed."""
