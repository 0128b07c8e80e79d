"""Who carries effects out: handlers and how to compose them, the blocking and the async loop, and Cognito."""
