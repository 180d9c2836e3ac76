"""What entries say, without a database: states, which scope covers which, who acts."""
